import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { shareBootLock, takeBootLock } from './boot-lock.mjs';
import { identityOf } from './process-identity.mjs';

let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'switchyard-lock-'));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function leaveLockOf(holders, token = 'left-behind') {
  mkdirSync(join(folder, 'boot.lock'));
  writeFileSync(join(folder, 'boot.lock/owner.json'), JSON.stringify({ token, holders }));
}

test('a second boot waits until the first releases, and is told whom it waits for', async () => {
  const first = await takeBootLock(folder);
  const order = [];
  let waiting;
  const told = new Promise((resolve) => (waiting = resolve));
  const second = takeBootLock(folder, { onWait: waiting }).then((lock) => {
    order.push('second has it');
    return lock;
  });
  expect((await told).pid).toBe(process.pid);
  order.push('first releases');
  first();
  (await second)();
  expect(order).toEqual(['first releases', 'second has it']);
});

test('a released lock leaves nothing behind', async () => {
  const release = await takeBootLock(folder);
  release();
  expect(readdirSync(folder)).toEqual([]);
});

test('the lock of a dead owner is taken over', async () => {
  leaveLockOf([{ pid: 4_194_305, began: 'never' }]); // above the largest pid of Linux
  const release = await takeBootLock(folder);
  expect(readdirSync(folder)).toContain('boot.lock');
  release();
});

test('a process that only has the dead owner’s number does not keep the lock', async () => {
  leaveLockOf([{ pid: process.pid, began: 'another life' }]);
  const release = await takeBootLock(folder);
  expect(JSON.parse(readFileSync(join(folder, 'boot.lock/owner.json'), 'utf8')).holders).toEqual([identityOf(process.pid)]);
  release();
});

test('the install of a killed boot keeps the lock until it ends', async () => {
  leaveLockOf([{ pid: 4_194_305, began: 'never' }]);
  shareBootLock(folder, process.pid);
  let waiting;
  const told = new Promise((resolve) => (waiting = resolve));
  const next = takeBootLock(folder, { onWait: waiting });
  expect((await told).pid).toBe(process.pid);
  rmSync(join(folder, 'boot.lock'), { recursive: true });
  (await next)();
  expect(readdirSync(folder)).toEqual([]);
});

test('of many that find a dead owner, one at a time holds the lock', async () => {
  leaveLockOf([{ pid: 4_194_305, began: 'never' }]);
  let holding = 0;
  let most = 0;
  const turns = Array.from({ length: 8 }, async () => {
    const release = await takeBootLock(folder);
    holding += 1;
    most = Math.max(most, holding);
    await new Promise((resolve) => setImmediate(resolve));
    holding -= 1;
    release();
  });
  await Promise.all(turns);
  expect(most).toBe(1);
});
