import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findNpm } from './npm-ci.mjs';

let folder = '';

beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'switchyard-npm-')));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function put(path) {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), '');
  return join(folder, path);
}

test('the npm that started us comes first', () => {
  const started = put('mine/npm-cli.js');
  put('lib/node_modules/npm/bin/npm-cli.js');
  expect(findNpm({ npm_execpath: started, PATH: '' }, join(folder, 'bin/node'))).toBe(started);
});

test('another package manager that started us is not taken for npm', () => {
  const beside = put('lib/node_modules/npm/bin/npm-cli.js');
  put('bin/node');
  expect(findNpm({ npm_execpath: put('pnpm/pnpm.cjs'), PATH: '' }, join(folder, 'bin/node'))).toBe(beside);
});

test('npm on PATH is followed to its program', () => {
  const program = put('share/npm/bin/npm-cli.js');
  mkdirSync(join(folder, 'path'));
  symlinkSync(program, join(folder, 'path/npm'));
  expect(findNpm({ PATH: join(folder, 'path') }, join(folder, 'elsewhere/bin/node'))).toBe(program);
});

test('without npm there is nothing to find', () => {
  expect(findNpm({ PATH: folder }, join(folder, 'bin/node'))).toBe(null);
});
