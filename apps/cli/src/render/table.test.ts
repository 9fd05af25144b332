import fc from 'fast-check';
import { expect, test } from 'vitest';
import { table } from './table.ts';

test('columns are aligned, numbers at their end, and no line ends in spaces', () => {
  expect(
    table(
      [{ title: 'NAME' }, { title: 'RUNNING', numeric: true }, { title: 'NOTE' }],
      [
        ['a', '5', 'first'],
        ['longer', '12', ''],
      ],
    ),
  ).toBe('NAME    RUNNING  NOTE\n' + 'a             5  first\n' + 'longer       12\n');
});

test('only the title line is marked up', () => {
  expect(table([{ title: 'A' }], [['b']], (text) => `<${text}>`)).toBe('<A>\nb\n');
});

test('accents and emoji count as one character', () => {
  expect(
    table(
      [{ title: 'A' }, { title: 'B' }],
      [
        ['e\u0301', 'x'],
        ['👍🏽', 'x'],
        ['ab', 'x'],
      ],
    )
      .split('\n')
      .slice(1, 2),
  ).toEqual(['e\u0301   x']);
});

test('a row is one line, whatever its cells hold', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }))), (rows) => {
      expect(table([{ title: 'A' }, { title: 'B' }], rows).split(/[\n\r\u2028\u2029\v\f\u0085]/)).toHaveLength(rows.length + 2);
    }),
    { numRuns: 50 },
  );
});
