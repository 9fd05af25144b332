import { expect, test } from 'vitest';
import { tallyOf, tallyText } from './tally.ts';
import type { TalliedFile } from './tally.ts';

type Row = readonly [name: string, state: string, note?: string];

function file(name: string, rows: readonly Row[], ok = rows.every(([, state]) => state !== 'failed')): TalliedFile {
  const tests = rows.map(([fullName, state, note]) => ({ fullName, options: {}, result: () => ({ state, note }) }));
  return { relativeModuleId: name, ok: () => ok, children: { allTests: () => tests } };
}

test('passed and failed tests of all files are summed on one line', () => {
  const files = [
    file('a.test.ts', [
      ['one', 'passed'],
      ['two', 'failed'],
    ]),
    file('b.test.ts', [['three', 'passed']]),
  ];
  expect(tallyText(tallyOf(files, 0))).toBe('2 passed, 1 failed\n');
});

test('a skipped test is named with its reason above the sum', () => {
  const files = [
    file('a.test.ts', [
      ['one', 'skipped', 'no codex here'],
      ['two', 'skipped'],
      ['three', 'pending'],
    ]),
  ];
  expect(tallyText(tallyOf(files, 0))).toBe(
    [
      'skipped: a.test.ts > one (no codex here)',
      'skipped: a.test.ts > two (no reason given)',
      'skipped: a.test.ts > three (did not run: the run ended first, or a hook before it failed)',
      '0 passed, 0 failed, 3 skipped',
      '',
    ].join('\n'),
  );
});

test('a file that breaks outside its tests is one failure', () => {
  expect(tallyOf([file('a.test.ts', [], false)], 0).failed).toBe(1);
  expect(tallyOf([file('b.test.ts', [['one', 'failed']], false)], 0).failed).toBe(1);
});

test('an unhandled error is a failure even when every test passed', () => {
  expect(tallyOf([file('a.test.ts', [['one', 'passed']])], 2)).toMatchObject({ passed: 1, failed: 2 });
});
