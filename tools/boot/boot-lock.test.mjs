import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { takeBootLock } from './boot-lock.mjs';
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
  first.release();
  (await second).release();
  expect(order).toEqual(['first releases', 'second has it']);
});

test('a released lock leaves nothing behind', async () => {
  const lock = await takeBootLock(folder);
  lock.release();
  expect(readdirSync(folder)).toEqual([]);
});

test('the lock of a dead owner is taken over', async () => {
  leaveLockOf([{ pid: 4_194_305, began: 'never' }]); // above the largest pid of Linux
  const lock = await takeBootLock(folder);
  expect(readdirSync(folder)).toContain('boot.lock');
  lock.release();
});

test('a process that only has the dead owner’s number does not keep the lock', async () => {
  leaveLockOf([{ pid: process.pid, began: 'another life' }]);
  const lock = await takeBootLock(folder);
  lock.release();
});

test('the install of a killed boot keeps the lock until it ends', async () => {
  leaveLockOf([{ pid: 4_194_305, began: 'never' }, identityOf(process.pid)]);
  let waiting;
  const told = new Promise((resolve) => (waiting = resolve));
  const next = takeBootLock(folder, { onWait: waiting });
  expect((await told).pid).toBe(process.pid);
  rmSync(join(folder, 'boot.lock'), { recursive: true });
  (await next).release();
});

test('of many that find a dead owner, one at a time holds the lock', async () => {
  leaveLockOf([{ pid: 4_194_305, began: 'never' }]);
  let holding = 0;
  let most = 0;
  const turns = Array.from({ length: 8 }, async () => {
    const lock = await takeBootLock(folder);
    holding += 1;
    most = Math.max(most, holding);
    await new Promise((resolve) => setImmediate(resolve));
    holding -= 1;
    lock.release();
  });
  await Promise.all(turns);
  expect(most).toBe(1);
});
