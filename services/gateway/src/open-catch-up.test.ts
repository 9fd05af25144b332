import { fakeClock, recordingLogger } from '@switchyard/testkit';
import { expect, test } from 'vitest';
import { openCatchUp } from './open-catch-up.ts';

function world({ answers = () => Promise.resolve('2'), isAvailable = true }: { answers?: () => Promise<string>; isAvailable?: boolean } = {}) {
  const clock = fakeClock();
  const done = { looks: 0, reads: 0 };
  const reload = {
    generation: '1',
    request: () => {
      done.reads++;
      reload.generation = '2';
      return Promise.resolve();
    },
  };
  const pool = {
    query: async () => {
      done.looks++;
      return { rows: [{ n: await answers() }] };
    },
  };
  const catchUp = openCatchUp({
    database: { pool, isAvailable: () => isAvailable },
    timing: { after: clock.after },
    nowMs: clock.now,
    log: recordingLogger(),
    reload,
  } as unknown as Parameters<typeof openCatchUp>[0]);
  return { clock, done, catchUp };
}

test('accounts are read anew when others have changed them, once for all who ask meanwhile', async () => {
  const { done, catchUp } = world();
  expect(await Promise.all([catchUp(), catchUp(), catchUp()])).toEqual([true, true, true]);
  expect(done).toEqual({ looks: 1, reads: 1 });
});

test('it is looked once a second at most, and nobody waits in between', async () => {
  const { clock, done, catchUp } = world();
  await catchUp();
  expect([catchUp(), catchUp(), done.looks]).toEqual([false, false, 1]);
  await clock.advance(1_000);
  expect(await catchUp()).toBe(false);
  expect(done).toEqual({ looks: 2, reads: 1 });
});

test('with the database away, silent or failing, what is known stays in force', async () => {
  expect(world({ isAvailable: false }).catchUp()).toBe(false);
  const failing = world({ answers: () => Promise.reject(new Error('gone')) });
  expect([await failing.catchUp(), failing.clock.pending]).toEqual([false, 0]);
  const silent = world({ answers: () => new Promise(() => {}) });
  const waiting = silent.catchUp();
  await silent.clock.advance(1_000);
  expect([await waiting, silent.clock.pending]).toEqual([false, 0]);
});
