import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { KeyTable } from './key-table.ts';

const stored = (text: string, id = `key_${text}`) => ({
  id,
  name: id,
  models: null,
  accounts: null,
  pool: null,
  digest: createHash('sha256').update(text).digest(),
});

test('a key is found by its text alone, and the record does not hold it', () => {
  const table = new KeyTable();
  table.replace([stored('sk-test-a'), stored('sk-test-b')]);
  expect(table.find('sk-test-b')).toEqual({
    id: 'key_sk-test-b',
    name: 'key_sk-test-b',
    models: null,
    accounts: null,
    pool: null,
    load: { active: 0, sockets: 0 },
  });
  for (const wrong of ['', 'sk-test-', 'sk-test-bb', 'SK-TEST-B', '__proto__', 'constructor']) expect(table.find(wrong)).toBeUndefined();
});

test('a replaced table knows only its new keys', () => {
  const table = new KeyTable();
  table.replace([stored('sk-test-a')]);
  table.replace([stored('sk-test-b')]);
  expect([table.size, table.find('sk-test-a'), table.find('sk-test-b')?.id]).toEqual([1, undefined, 'key_sk-test-b']);
});

test('what a key has going on stays with it when the table is replaced', () => {
  const table = new KeyTable();
  table.replace([stored('sk-test-a')]);
  const before = table.find('sk-test-a')!;
  before.load.active++;
  table.replace([stored('sk-test-b'), stored('sk-test-a')]);
  expect(table.find('sk-test-a')).not.toBe(before);
  expect([table.find('sk-test-a')?.load, table.find('sk-test-b')?.load]).toEqual([
    { active: 1, sockets: 0 },
    { active: 0, sockets: 0 },
  ]);
});

test('what is longer than any key is not even hashed', () => {
  const table = new KeyTable();
  const longest = 'k'.repeat(200);
  table.replace([stored(longest), stored(`${longest}k`)]);
  expect(table.find(longest)).toBeDefined();
  expect(table.find(`${longest}k`)).toBeUndefined();
});
