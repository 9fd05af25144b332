import { expect, test } from 'vitest';
import { machineNames } from './machine-names.ts';

const found = (text: string): number => machineNames({ path: 'a.md', text }).length;
// Put together here, so that this file does not name what it looks for.
const join = (...parts: string[]): string => parts.join('');

test.for([
  join('cd /wo', 'rk/main'),
  join('"/ho', 'me/builder/x"'),
  join('https://registry.', 'npmjs.org/pg'),
  join('"resolved": "ht', 'tps://mirror.invalid/pg.tgz"'),
])('%s is refused', (text) => {
  expect(found(text)).toBe(1);
});

test.for([
  '/home/me/.switchyard/switchyard.toml',
  'bench/.work/portkey',
  '$HOME/work/x',
  'npm config get registry',
  'services/work/items',
  '"resolved": "packages/config"',
])('%s is fine', (text) => {
  expect(found(text)).toBe(0);
});

test('a breach is named with its file and line', () => {
  expect(machineNames({ path: 'docs/a.md', text: join('one\ntwo /wo', 'rk/main\n') })).toEqual([
    'docs/a.md:2: names a path of the machine that it was written on',
  ]);
});
