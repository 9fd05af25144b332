import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { readAdminToken } from './admin-token.ts';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'token-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

test('the token is made at the first start, for its owner only, and is the same at the second', () => {
  const token = readAdminToken({ home });
  expect(token).toMatch(/^swadm-[A-Za-z0-9_-]{32}$/);
  expect(statSync(join(home, 'admin.token')).mode & 0o777).toBe(0o600);
  expect(readAdminToken({ home, fromSetting: '' })).toBe(token);
});

test('the setting wins, and then no file is made', () => {
  expect(readAdminToken({ home, fromSetting: 'a-test-token-not-a-secret' })).toBe('a-test-token-not-a-secret');
  expect(() => statSync(join(home, 'admin.token'))).toThrow('ENOENT');
});

test('a token that others may read, or that is too short to guard anything, is refused', () => {
  const path = join(home, 'admin.token');
  writeFileSync(path, 'short', { mode: 0o600 });
  expect(() => readAdminToken({ home })).toThrow(/damaged/);
  for (const mode of [0o604, 0o640, 0o620]) {
    chmodSync(path, mode);
    expect(() => readAdminToken({ home })).toThrow(`mode ${mode.toString(8)}`);
  }
});
