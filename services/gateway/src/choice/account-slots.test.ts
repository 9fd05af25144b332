import { expect, test } from 'vitest';
import { AccountSlots } from './account-slots.ts';

test('each account has a slot of its own, the same whenever it is asked for', () => {
  const slots = new AccountSlots();
  expect(['a', 'b', 'a', 'c'].map((id) => slots.of(id))).toEqual([0, 1, 0, 2]);
  expect(slots.accountOf(1)).toBe('b');
});
