import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { readOrMakeSecretFile } from './private-file.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'secret-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('the file is made once, closed to others whatever the umask, and leaves no draft behind', () => {
  const path = join(folder, 'x.key');
  const umask = process.umask(0);
  try {
    expect(readOrMakeSecretFile(path, () => 'made')).toEqual({ text: 'made', made: true });
  } finally {
    process.umask(umask);
  }
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder)).toEqual(['x.key']);
  expect(readOrMakeSecretFile(path, () => 'again')).toEqual({ text: 'made', made: false });
});

test('of two that make it at once the first wins and both have its text', () => {
  const path = join(folder, 'x.key');
  const late = readOrMakeSecretFile(path, () => {
    writeFileSync(path, 'theirs\n', { mode: 0o600 }); // another process, between our look and our link
    return 'ours';
  });
  expect(late).toEqual({ text: 'theirs', made: false });
  expect(readFileSync(path, 'utf8')).toBe('theirs\n');
  expect(readdirSync(folder)).toEqual(['x.key']);
});

test('a folder in its place is refused, and so is a link to nowhere', () => {
  mkdirSync(join(folder, 'd'));
  expect(() => readOrMakeSecretFile(join(folder, 'd'), () => 'x')).toThrow(/not a file|cannot be read/);
  symlinkSync(join(folder, 'nowhere'), join(folder, 'l'));
  expect(() => readOrMakeSecretFile(join(folder, 'l'), () => 'x')).toThrow(/vanished/);
  expect(readdirSync(folder).sort()).toEqual(['d', 'l']);
});

test('a folder that is missing is refused by name', () => {
  expect(() => readOrMakeSecretFile(join(folder, 'none', 'x'), () => 'x')).toThrow(/none\/x could not be made/);
});
