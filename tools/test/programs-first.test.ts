import { expect, test } from 'vitest';
import { programsFirst } from './programs-first.ts';

test('files that start programs or a database come first, and otherwise the order stays', () => {
  const files = ['a/large.test.ts', 'b/x.child.test.ts', 'c/y.test.mjs', 'd/z.pg.test.ts', 'e/boot.child.test.mjs', 'f/child.test.ts'];
  expect(programsFirst(files.map((moduleId) => ({ moduleId }))).map(({ moduleId }) => moduleId)).toEqual([
    'b/x.child.test.ts',
    'd/z.pg.test.ts',
    'e/boot.child.test.mjs',
    'a/large.test.ts',
    'c/y.test.mjs',
    'f/child.test.ts',
  ]);
});
