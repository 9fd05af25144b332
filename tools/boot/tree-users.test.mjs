import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { liveTreeUsers, markTreeUsed } from './tree-users.mjs';

let root = '';

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'switchyard-users-'));
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

test('a tree that nobody ran from has no users', () => {
  expect(liveTreeUsers(root)).toEqual([]);
});

test('a mark names its task and process until it is removed', () => {
  const mark = markTreeUsed(root, 'start');
  expect(liveTreeUsers(root)).toEqual([{ task: 'start', pid: process.pid }]);
  mark.remove();
  expect(liveTreeUsers(root)).toEqual([]);
});

test('a child that outlives its boot still counts, and is the one to stop', () => {
  const mark = markTreeUsed(root, 'start');
  mark.addChild(process.ppid);
  expect(liveTreeUsers(root)).toEqual([{ task: 'start', pid: process.ppid }]);
});

test('marks of the dead and marks cut off by a crash are swept', () => {
  const folder = join(root, 'node_modules/.switchyard/users');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, '1.json'), JSON.stringify({ task: 'start', processes: [{ pid: 4_194_305, began: 'never' }] }));
  writeFileSync(join(folder, '2.json'), '{"task":"st');
  expect(liveTreeUsers(root)).toEqual([]);
  expect(readdirSync(folder)).toEqual([]);
});
