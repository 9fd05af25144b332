import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { temporaryHome } from '@switchyard/testkit';
import { expect, test } from 'vitest';

import { lockHome } from './home-lock.ts';
import { identifyProcess } from './process-identity.ts';

const me = identifyProcess(process.pid)!;

async function homeHeldBy(holder: unknown): Promise<Awaited<ReturnType<typeof temporaryHome>>> {
  const home = await temporaryHome();
  await mkdir(join(home.path, 'run'));
  await writeFile(join(home.path, 'run', 'holder.7'), typeof holder === 'string' ? holder : JSON.stringify(holder));
  return home;
}

test('a home is held by one, and free again when released', async () => {
  await using home = await temporaryHome();
  const lock = lockHome(home.path);
  expect(() => lockHome(home.path)).toThrow(expect.objectContaining({ reason: 'home_in_use' }));
  lock.release();
  expect(await readdir(join(home.path, 'run'))).toEqual([]);
  lockHome(home.path).release();
});

test('a living holder is never robbed', async () => {
  await using home = await homeHeldBy(me);
  expect(() => lockHome(home.path)).toThrow(expect.objectContaining({ reason: 'home_in_use' }));
  expect(JSON.parse(await readFile(join(home.path, 'run', 'holder.7'), 'utf8'))).toEqual(me);
});

test.for([
  ['whose process is gone', { ...me, pid: 2 ** 22 + 1 }],
  ['whose pid is another process by now', { ...me, startTime: '1' }],
  ['from before a reboot', { ...me, bootId: '00000000-0000-0000-0000-000000000000' }],
  ['that a power failure cut off', '{"pid": 1'],
] as const)('a holder %s is taken over', async ([, holder]) => {
  await using home = await homeHeldBy(holder);
  const lock = lockHome(home.path);
  expect(await readdir(join(home.path, 'run'))).toEqual(['holder.8']);
  lock.release();
});

test('of many processes that find a dead holder at the same moment, one at most gets the home', async () => {
  const program = join(import.meta.dirname, 'fixtures', 'race-for-home.ts');
  for (let round = 0; round < 3; round++) {
    await using home = await homeHeldBy({ ...me, startTime: '1' });
    const racers = Array.from({ length: 4 }, () => spawn(process.execPath, [program, home.path], { stdio: ['pipe', 'pipe', 'inherit'] }));
    const lines = racers.map((racer) => createInterface(racer.stdout)[Symbol.asyncIterator]());
    for (const line of lines) expect((await line.next()).value).toBe('at the start');
    for (const racer of racers) racer.stdin.write('go\n');
    const results = await Promise.all(lines.map(async (line) => (await line.next()).value as string));
    expect(results.filter((result) => result === 'held')).toHaveLength(1);
    for (const racer of racers) racer.stdin.end();
    await Promise.all(racers.map((racer) => once(racer, 'exit')));
  }
});
