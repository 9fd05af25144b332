import { expect, test } from 'vitest';
import { Bindings } from './bindings.ts';
import type { Binding } from './bindings.ts';

function open(max = 10) {
  const written: Binding[] = [];
  const bindings = new Bindings({ isAvailable: true, write: (binding) => void written.push(binding), committed: async () => {} }, max);
  return { bindings, written };
}

const bound = (responseId: string, accountId: string, keyId = 'key_1'): Binding => ({ responseId, accountId, keyId });

test('an id stays with the first account that told it, in memory as in the journal, and the attempt is counted', async () => {
  const { bindings, written } = open();
  const first = bound('resp_1', 'acct_a');
  await bindings.bind(first);
  expect(await bindings.bind(bound('resp_1', 'acct_b'))).toBe('durable');
  expect(bindings.find('resp_1')).toBe(first);
  expect(written).toEqual([first]);
  expect(bindings.disputed).toBe(1);
});

test('an id that its own account tells again is not disputed, and counts as bound last', async () => {
  const { bindings } = open(2);
  for (const id of ['resp_1', 'resp_2', 'resp_1', 'resp_3']) await bindings.bind(bound(id, 'acct_a'));
  expect(['resp_1', 'resp_2', 'resp_3'].filter((id) => bindings.find(id) !== undefined)).toEqual(['resp_1', 'resp_3']);
  expect(bindings.disputed).toBe(0);
});

test('an id whose account was taken away can be bound anew', async () => {
  const { bindings } = open();
  await bindings.bind(bound('resp_1', 'acct_a'));
  bindings.forgetAccount('acct_a');
  await bindings.bind(bound('resp_1', 'acct_b'));
  expect(bindings.find('resp_1')).toMatchObject({ accountId: 'acct_b' });
});
