import { expect, test } from 'vitest';
import { forbiddenLicences } from './licences.ts';

const judge = (license: string | undefined, dev = false): string[] =>
  forbiddenLicences({ 'node_modules/a': { version: '1.0.0', dev, ...(license === undefined ? {} : { license }) } });

test.for(['MIT', 'Apache-2.0', '(MIT OR GPL-3.0)', 'MIT AND ISC', '(BSD-2-Clause OR (MIT AND Apache-2.0))'])('%s may be shipped', (license) => {
  expect(judge(license)).toEqual([]);
});

test.for(['GPL-3.0', 'MPL-2.0', 'MIT AND GPL-3.0', 'UNLICENSED', 'SEE LICENSE IN LICENSE.md', '(GPL-2.0 OR MPL-2.0)'])('%s may not', (license) => {
  expect(judge(license)).toEqual([`a@1.0.0 is under ${license}, which is not on the list for runtime`]);
});

test('a development tool may be under more licences than what we ship', () => {
  expect(judge('MPL-2.0', true)).toEqual([]);
  expect(judge('AGPL-3.0', true)).toHaveLength(1);
});

test('a package that does not say its licence is named', () => {
  expect(judge(undefined)).toEqual([expect.stringContaining('a@1.0.0 does not say its licence')]);
});

test('our own workspaces are not judged', () => {
  expect(forbiddenLicences({ '': {}, 'packages/config': { version: '0.1.0' }, 'node_modules/@switchyard/config': { link: true } })).toEqual([]);
});
