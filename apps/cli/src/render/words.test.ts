import fc from 'fast-check';
import { expect, test } from 'vitest';
import { duration, grouped, modelsText, moment, plural, visible } from './words.ts';

test.each([
  [0, '0 ms'],
  [0.44, '0.4 ms'],
  [9.96, '10 ms'],
  [182.4, '182 ms'],
  [999.6, '1000 ms'],
  [1_240, '1.24 s'],
  [12_345, '12.3 s'],
  [125_000, '2 min 5 s'],
  [7_500_000, '2 h 5 min'],
  [2_678_400_000, '31 d 0 h'],
])('%d ms is said as %s', (ms, said) => {
  expect(duration(ms)).toBe(said);
});

test('counts are grouped by thousands, and one is not many', () => {
  expect(plural(1, 'model')).toBe('1 model');
  expect(plural(0, 'model')).toBe('0 models');
  expect(grouped(1_234_567)).toBe('1 234 567');
  expect(grouped(999)).toBe('999');
});

test('a long list is cut where that saves words', () => {
  const names = ['a', 'b', 'c', 'd', 'e'];
  expect(modelsText(names, 3)).toBe('a, b, c and 2 more');
  expect(modelsText(names, 4)).toBe('a, b, c, d, e');
  expect(modelsText([])).toBe('none');
});

test('a moment is told in UTC to the second', () => {
  expect(moment('2026-11-21T14:03:22.123Z')).toBe('2026-11-21 14:03:22');
});

test('no text from outside moves the cursor, whatever it holds', () => {
  expect(visible('gpt\u001b[2Jx\r\ny\u202e')).toBe('gpt?[2Jx??y?');
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(visible(text))));
});
