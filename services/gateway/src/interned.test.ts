import { expect, test } from 'vitest';
import { Interned } from './interned.ts';

test('each text has a number of its own, the same whenever it is asked for', () => {
  const interned = new Interned();
  expect(['a', 'b', 'a', 'c'].map((text) => interned.numberOf(text))).toEqual([0, 1, 0, 2]);
  expect(interned.textOf(1)).toBe('b');
  expect(interned.find('b')).toBe(1);
  expect(interned.find('d')).toBe(-1);
});
