import { expect, test } from 'vitest';
import { isId, newId } from './ids.ts';

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

/** The 128 bits of an id. */
function bitsOf(id: string): bigint {
  let bits = 0n;
  for (const digit of id.slice(id.indexOf('_') + 1)) bits = bits * 32n + BigInt(ALPHABET.indexOf(digit));
  return bits;
}

test('an id is a UUIDv7 of its time in base32 behind its prefix', () => {
  for (const nowMs of [0, 1, 1_795_270_375_123, 2 ** 48 - 1]) {
    const id = newId('request', nowMs);
    expect(id).toMatch(/^req_[0-9a-hjkmnp-tv-z]{26}$/);
    const bits = bitsOf(id);
    expect(Number(bits >> 80n)).toBe(nowMs);
    expect((bits >> 76n) & 15n).toBe(7n);
    expect((bits >> 62n) & 3n).toBe(2n);
    expect(isId('request', id)).toBe(true);
    expect(isId('key', id)).toBe(false);
  }
});

test('ids sort by the time they were made, and no two are the same', () => {
  const ids = Array.from({ length: 5_000 }, (_, i) => newId('key', 1_795_000_000_000 + i));
  expect([...ids].sort()).toEqual(ids);
  expect(new Set(Array.from({ length: 50_000 }, () => newId('key', 1))).size).toBe(50_000);
});

test.each(['', 'req_', 'req_0', `req_${'i'.repeat(26)}`, `key_${'0'.repeat(26)}`, `req_${'0'.repeat(27)}`])('%s is no id of a request', (text) => {
  expect(isId('request', text)).toBe(false);
});
