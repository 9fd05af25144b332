import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { UNSERVED_REASONS } from './unserved.ts';

test('every reason for which nobody is asked has its place in docs/operations.md', () => {
  const told = readFileSync(new URL('../../../../docs/operations.md', import.meta.url), 'utf8');
  expect(UNSERVED_REASONS.filter((reason) => !told.includes(`\`${reason}\``))).toEqual([]);
});
