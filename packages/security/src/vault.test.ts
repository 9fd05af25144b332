import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { VaultError, openVault } from './vault.ts';
import type { Vault } from './vault.ts';

const KEY = 'a-test-encryption-key-not-a-secret-0123';
let home: string;
let warnings: string[];
const log = { warn: (event: string): void => void warnings.push(event) };

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'vault-'));
  warnings = [];
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

function vault(encryptionKey?: string, loopback = true): Vault {
  return openVault({ home, loopback, log, ...(encryptionKey === undefined ? {} : { encryptionKey }) });
}

test('what was sealed opens in the place it was sealed for, in this process and in the next', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string(), (plaintext, place) => {
      const sealed = vault(KEY).seal(plaintext.toWellFormed(), place);
      expect(vault(KEY).open(sealed, place)).toBe(plaintext.toWellFormed());
    }),
    { numRuns: 50 },
  );
});

test('a sealed value shows its version and key id, never the plaintext, and differs each time', () => {
  const v = vault(KEY);
  const one = v.seal('sk-test-not-a-secret', 'account:1');
  expect(one[0]).toBe(1);
  expect(one.toString('hex', 1, 9)).toBe(v.keyId);
  expect(one.includes('sk-test')).toBe(false);
  expect(one.equals(v.seal('sk-test-not-a-secret', 'account:1'))).toBe(false);
});

test('a value moved to another row does not open', () => {
  const v = vault(KEY);
  expect(() => v.open(v.seal('x', 'account:1'), 'account:2')).toThrow(/account:2 is damaged or was stored for something else/);
});

test('a value with any one byte changed, or cut off anywhere, does not open', () => {
  const v = vault(KEY);
  const sealed = v.seal('twelve bytes', 'here');
  for (let n = 0; n < sealed.length; n++) {
    const bent = Buffer.from(sealed);
    bent[n]! ^= 1;
    expect(() => v.open(bent, 'here')).toThrow(VaultError);
    expect(() => v.open(sealed.subarray(0, n), 'here')).toThrow(VaultError);
  }
});

test('a value sealed with another key is refused by the names of both keys and the remedy', () => {
  const theirs = vault(KEY);
  const ours = vault(`${KEY}-other`);
  let refusal: unknown;
  try {
    ours.open(theirs.seal('sk-test-not-a-secret', 'account:1'), 'account:1');
  } catch (error) {
    refusal = error;
  }
  expect(refusal).toMatchObject({ reason: 'wrong_key' });
  for (const part of [theirs.keyId, ours.keyId, 'ENCRYPTION_KEY', 'put the former']) expect(String(refusal)).toContain(part);
  expect(String(refusal)).not.toContain('sk-test');
});

test('without a setting the root key is made once, for its owner only, and kept', () => {
  const first = vault();
  const path = join(home, 'encryption.key');
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readFileSync(path, 'utf8')).toMatch(/^[A-Za-z0-9_-]{43}\n$/);
  expect(vault('').open(first.seal('x', 'p'), 'p')).toBe('x');
  expect(vault(KEY).keyId).not.toBe(first.keyId);
});

test('the key id tells nothing of the key', () => {
  expect(vault(KEY).keyId).toMatch(/^[0-9a-f]{16}$/);
  expect(KEY).not.toContain(vault(KEY).keyId);
});

test('a short ENCRYPTION_KEY is a warning on loopback and a refusal beyond it', () => {
  expect(vault('short').open(vault('short').seal('x', 'p'), 'p')).toBe('x');
  expect(warnings).toContain('encryption_key_short');
  expect(() => vault('short', false)).toThrow(/5 characters.*at least 32.*openssl rand/);
  warnings = [];
  vault(KEY.slice(0, 32), false);
  expect(warnings).toEqual([]);
});

test('a key file that others may read, or that is damaged, is refused with the remedy', () => {
  vault();
  const path = join(home, 'encryption.key');
  chmodSync(path, 0o644);
  expect(() => vault()).toThrow(/open to other users \(mode 644\).*chmod 600/);
  chmodSync(path, 0o600);
  writeFileSync(path, 'cut');
  expect(() => vault()).toThrow(/damaged \(3 characters\).*backup/);
});
