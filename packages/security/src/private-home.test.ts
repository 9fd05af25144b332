import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { checkPrivateHome, ensurePrivateHome } from './private-home.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'home-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);

test('an absent home is made with its parents, closed to others', () => {
  const home = join(folder, 'a', 'b');
  expect(ensurePrivateHome(home)).toEqual({ repaired: false });
  expect(modeOf(home)).toBe('700');
});

test.each(['755', '750', '500'])('a home of mode %s, which others cannot write, is closed', (mode) => {
  chmodSync(folder, Number.parseInt(mode, 8));
  expect(ensurePrivateHome(folder)).toEqual({ repaired: true });
  expect(modeOf(folder)).toBe('700');
});

test.each(['777', '775', '722'])('a home of mode %s, which others may write, is refused with the remedy and left as it is', (mode) => {
  chmodSync(folder, Number.parseInt(mode, 8));
  expect(() => ensurePrivateHome(folder)).toThrow(`mode ${mode}`);
  expect(() => ensurePrivateHome(folder)).toThrow(`chmod 700 ${folder}`);
  expect(modeOf(folder)).toBe(mode);
});

test('a home that is only looked at stays as it is', () => {
  chmodSync(folder, 0o755);
  expect(checkPrivateHome(folder)).toBe(0o755);
  expect(modeOf(folder)).toBe('755');
  expect(readdirSync(folder)).toEqual([]);
  expect(() => checkPrivateHome(join(folder, 'none'))).toThrow(`The folder ${join(folder, 'none')} cannot be made or written`);
});

test('a file in its place is refused by name', () => {
  const path = join(folder, 'file');
  writeFileSync(path, '');
  expect(() => ensurePrivateHome(path)).toThrow(path);
});

test.skipIf(process.platform !== 'linux').each(['/proc/switchyard', '/proc/a/b/c', '/dev/null/home'])(
  'a place where no folder can be made is refused: %s',
  (path) => {
    expect(() => ensurePrivateHome(path)).toThrow(`The folder ${path} cannot be made or written`);
  },
);
