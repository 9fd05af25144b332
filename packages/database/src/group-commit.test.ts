import { fakeClock } from '@switchyard/testkit';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { groupCommit } from './group-commit.ts';
import type { GroupCommit, GroupCommitOptions } from './group-commit.ts';

interface Bench {
  readonly clock: ReturnType<typeof fakeClock>;
  readonly queue: GroupCommit<number>;
  /** Batches that were asked to be written, each with the way to end it. */
  readonly writes: { readonly batch: readonly number[]; readonly at: number; end(error?: unknown): void }[];
  readonly durable: number[];
  readonly dropped: [item: number, why: string][];
  readonly failures: number[];
}

function bench(options: Partial<GroupCommitOptions<number>> = {}): Bench {
  const clock = fakeClock();
  const writes: Bench['writes'] = [];
  const durable: number[] = [];
  const dropped: [number, string][] = [];
  const failures: number[] = [];
  const queue = groupCommit<number>({
    write: (batch) =>
      new Promise((resolve, reject) => {
        writes.push({
          batch,
          at: clock.now(),
          end(error) {
            if (error !== undefined) return reject(error as Error);
            durable.push(...batch);
            resolve();
          },
        });
      }),
    delayMs: 5,
    maxBatch: 4,
    maxQueued: 10,
    onFailure: (_error, { backoffMs }) => failures.push(backoffMs),
    onDropped: (item, why) => dropped.push([item, why]),
    clock,
    ...options,
  });
  return { clock, queue, writes, durable, dropped, failures };
}

const settled = async (promise: Promise<unknown>): Promise<string> =>
  Promise.race([
    promise.then(
      () => 'done',
      () => 'failed',
    ),
    new Promise<string>((resolve) => setImmediate(() => resolve('waiting'))),
  ]);

test('the first item waits for company as long as it may, and no longer', async () => {
  const { clock, queue, writes } = bench();
  queue.add(1);
  await clock.advance(3);
  queue.add(2);
  await clock.advance(1);
  expect(writes).toEqual([]);
  await clock.advance(1);
  expect(writes.map(({ batch, at }) => ({ batch, at }))).toEqual([{ batch: [1, 2], at: 5 }]);
});

test('a full batch starts at once, and one batch is written at a time', async () => {
  const { clock, queue, writes } = bench();
  for (let item = 1; item <= 9; item++) queue.add(item);
  expect(writes.map(({ batch }) => batch)).toEqual([[1, 2, 3, 4]]);
  await clock.advance(100);
  expect(writes).toHaveLength(1);
  writes[0]!.end();
  await clock.advance(0);
  expect(writes.at(-1)!.batch).toEqual([5, 6, 7, 8]);
});

test('whoever waits hurries the batch, and is told when all that was added before is durable', async () => {
  const { clock, queue, writes } = bench();
  expect(await settled(queue.committed())).toBe('done');
  queue.add(1);
  const first = queue.committed();
  expect(writes.map(({ batch }) => batch)).toEqual([[1]]);
  queue.add(2);
  const second = queue.committed();
  writes[0]!.end();
  await clock.advance(0);
  expect(await settled(first)).toBe('done');
  expect(await settled(second)).toBe('waiting');
  writes[1]!.end();
  expect(await settled(second)).toBe('done');
});

test('a failed batch is tried again, 250 ms to 5 s apart, with what came meanwhile and in order', async () => {
  const { clock, queue, writes, failures, durable } = bench();
  queue.add(1);
  await clock.advance(5);
  for (const waitMs of [250, 500, 1_000, 2_000, 4_000, 5_000, 5_000]) {
    const tried = writes.length;
    writes.at(-1)!.end(new Error('away'));
    await clock.advance(waitMs - 1);
    expect(writes).toHaveLength(tried);
    await clock.advance(1);
    expect(writes).toHaveLength(tried + 1);
  }
  expect(failures).toEqual([250, 500, 1_000, 2_000, 4_000, 5_000, 5_000]);
  queue.add(2);
  writes.at(-1)!.end(new Error('away'));
  await clock.advance(5_000);
  writes.at(-1)!.end();
  await clock.advance(0);
  expect(durable).toEqual([1, 2]);
  expect(clock.pending).toBe(0);
});

test('when the queue is full the newest is dropped, and told', () => {
  const { queue, dropped } = bench({ maxQueued: 3 });
  expect([1, 2, 3, 4].map((item) => queue.add(item))).toEqual([true, true, true, false]);
  expect(dropped).toEqual([[4, 'full']]);
  expect(queue.queued).toBe(3);
});

test.each(['22021', '23514', '54000'])('one row that the database refuses for what it holds (%s) does not keep back the others', async (code) => {
  const { clock, queue, writes, durable, dropped, failures } = bench();
  for (let item = 1; item <= 8; item++) queue.add(item);
  while (queue.queued > 0) {
    const { batch, end } = writes.at(-1)!;
    end(batch.includes(3) ? Object.assign(new Error('refused'), { code }) : undefined);
    await clock.advance(5);
  }
  expect(durable).toEqual([1, 2, 4, 5, 6, 7, 8]);
  expect(dropped).toEqual([[3, 'refused']]);
  expect(failures).toEqual([]);
});

test('a back-off is over as soon as there is a sign that the next try will do, and nothing is tried twice at once', async () => {
  const { clock, queue, writes, durable } = bench();
  queue.add(1);
  await clock.advance(5);
  queue.tryNow(); // one is under way
  writes[0]!.end(new Error('away'));
  await clock.advance(1);
  queue.add(2);
  const committed = queue.committed();
  expect(writes).toHaveLength(1);
  queue.tryNow();
  queue.tryNow();
  expect(writes.map(({ batch }) => batch)).toEqual([[1], [1, 2]]);
  writes[1]!.end();
  await committed;
  expect(durable).toEqual([1, 2]);
  queue.tryNow(); // there is nothing to try
  await clock.advance(250);
  expect(writes).toHaveLength(2);
  expect(clock.pending).toBe(0);
});

test('closing writes what is left at once, cutting a back-off short, and takes no more', async () => {
  const { clock, queue, writes, durable, dropped } = bench();
  queue.add(1);
  await clock.advance(5);
  writes[0]!.end(new Error('away'));
  await clock.advance(1);
  const closing = queue.close(1_000);
  expect(queue.add(2)).toBe(false);
  expect(dropped).toEqual([[2, 'closed']]);
  writes[1]!.end();
  expect(await closing).toBe(0);
  expect(durable).toEqual([1]);
  expect(clock.pending).toBe(0);
});

test('closing ends at its deadline with the number of what is lost, and tells who waits', async () => {
  const { clock, queue, writes } = bench();
  queue.add(1);
  queue.add(2);
  const told = queue.committed().catch((error: unknown) => error);
  const closing = queue.close(1_000);
  await clock.advance(1_000);
  expect(await closing).toBe(2);
  expect(await told).toMatchObject({ code: 'database_unavailable' });
  writes[0]!.end(new Error('away'));
  await clock.advance(10_000);
  expect(writes).toHaveLength(1);
  expect(clock.pending).toBe(0);
});

test('whatever happens, what is durable is a queue without a gap, told truly, and nothing is left behind', async () => {
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.constant({ do: 'add' as const }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.integer({ min: 0, max: 600 }) }) },
    { weight: 2, arbitrary: fc.constant({ do: 'succeed' as const }) },
    { weight: 1, arbitrary: fc.constant({ do: 'fail' as const }) },
    { weight: 1, arbitrary: fc.constant({ do: 'refuse' as const }) },
    { weight: 1, arbitrary: fc.constant({ do: 'wait' as const }) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 80 }), fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 12 }), async (steps, maxBatch, maxQueued) => {
      const { clock, queue, writes, durable, dropped } = bench({ maxBatch, maxQueued });
      const accepted: number[] = [];
      let next = 1;
      let ended = 0;
      const waits: Promise<void>[] = [];
      const refused = (): Set<number> => new Set(dropped.filter(([, why]) => why === 'refused').map(([item]) => item));
      const end = async (error?: unknown): Promise<void> => {
        if (writes.length > ended) writes[ended++]!.end(error);
        await clock.advance(0);
      };
      for (const act of steps) {
        if (act.do === 'add') {
          const room = queue.queued < maxQueued;
          expect(queue.add(next)).toBe(room);
          if (room) accepted.push(next);
          next++;
        } else if (act.do === 'advance') await clock.advance(act.ms);
        else if (act.do === 'succeed') await end();
        else if (act.do === 'fail') await end(new Error('away'));
        else if (act.do === 'refuse') await end(Object.assign(new Error('bad row'), { code: '23514' }));
        else {
          const before = [...accepted];
          waits.push(
            queue.committed().then(() => {
              const gone = refused();
              expect(durable).toEqual(expect.arrayContaining(before.filter((item) => !gone.has(item))));
            }),
          );
        }
        const gone = refused();
        const kept = accepted.filter((item) => !gone.has(item));
        expect(durable).toEqual(kept.slice(0, durable.length));
        expect(queue.queued).toBe(kept.length - durable.length);
        expect(writes.length - ended).toBeLessThanOrEqual(1);
        expect(writes.every(({ batch }) => batch.length <= maxBatch)).toBe(true);
        expect(clock.pending).toBeLessThanOrEqual(1);
      }
      const closing = queue.close(60_000);
      while (queue.queued > 0) {
        await end();
        await clock.advance(5_000);
      }
      expect(await closing).toBe(0);
      await Promise.all(waits);
      expect(clock.pending).toBe(0);
    }),
    { numRuns: 300 },
  );
});
