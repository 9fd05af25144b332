import { createHash } from 'node:crypto';

import { expect, test } from 'vitest';

import { hashDataKey, keyHint, newDataKey } from './data-key.ts';

test('a new key is visible ASCII, says whose it is, and never comes twice', () => {
  const keys = new Set(Array.from({ length: 5_000 }, newDataKey));
  expect(keys.size).toBe(5_000);
  for (const key of keys) expect(key).toMatch(/^sk-switchyard-[0-9A-Za-z]{32}$/);
});

test('every character of the alphabet comes about as often', () => {
  const counts = new Map<string, number>();
  for (let n = 0; n < 2_000; n++) for (const c of newDataKey().slice(14)) counts.set(c, (counts.get(c) ?? 0) + 1);
  expect(counts.size).toBe(62);
  // 64 000 draws of 62: 1 032 each, deviation 32; ten of those would be no chance.
  for (const count of counts.values()) expect(Math.abs(count - 1_032)).toBeLessThan(320);
});

test('the hash is SHA-256', () => {
  expect(hashDataKey('sk-test-not-a-secret').equals(createHash('sha256').update('sk-test-not-a-secret').digest())).toBe(true);
});

test('a hint shows four characters of a long key and nothing of a short one', () => {
  expect(keyHint('sk-switchyard-0123456789abcdefghijABCDEFGHIJ45')).toBe('sk-switchyard-…IJ45');
  expect(keyHint('a-bootstrap-key-not-a-secret')).toBe('…cret');
  expect(keyHint('0123456789012345678')).toBe('…');
});
