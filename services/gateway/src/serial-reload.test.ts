import { fakeClock } from '@switchyard/testkit';
import { expect, test } from 'vitest';
import { serialReload } from './serial-reload.ts';

function bench() {
  const clock = fakeClock();
  const reads: { end(error?: Error): void }[] = [];
  const pauses: number[] = [];
  const reload = serialReload({
    load: () => new Promise<void>((resolve, reject) => reads.push({ end: (error) => (error === undefined ? resolve() : reject(error)) })),
    onFailure: (_error, { pauseMs }) => pauses.push(pauseMs),
    after: clock.after,
  });
  return { clock, reads, pauses, reload };
}

const AWAY = new Error('the database is away');

test('readings never run side by side, and all who ask during one share a single later one', async () => {
  const { clock, reads, reload } = bench();
  const ended: string[] = [];
  void reload.request().then(() => ended.push('first'));
  void reload.request().then(() => ended.push('second'));
  void reload.request().then(() => ended.push('third'));
  await clock.advance(0);
  expect(reads).toHaveLength(1);
  reads[0]!.end();
  await clock.advance(0);
  expect(ended).toEqual(['first']);
  expect(reads).toHaveLength(2);
  reads[1]!.end();
  await clock.advance(0);
  expect(ended).toEqual(['first', 'second', 'third']);
  expect(reads).toHaveLength(2);
});

test('a failure is told to who asked and repeated until one succeeds, 500 ms to 5 s apart', async () => {
  const { clock, reads, pauses, reload } = bench();
  const asked = reload.request();
  reads[0]!.end(AWAY);
  await expect(asked).rejects.toBe(AWAY);
  for (const pauseMs of [500, 1_000, 2_000, 4_000, 5_000, 5_000]) {
    expect(pauses.at(-1)).toBe(pauseMs);
    const before = reads.length;
    await clock.advance(pauseMs - 1);
    expect(reads).toHaveLength(before);
    await clock.advance(1);
    expect(reads).toHaveLength(before + 1);
    reads.at(-1)!.end(AWAY);
    await clock.advance(0);
  }
  await clock.advance(5_000);
  reads.at(-1)!.end();
  await clock.advance(60_000);
  expect(clock.pending).toBe(0);
  expect(reads).toHaveLength(8);
});

test('one that is asked for takes the place of the repetition', async () => {
  const { clock, reads, reload } = bench();
  const failed = reload.request();
  const next = reload.request();
  reads[0]!.end(AWAY);
  await expect(failed).rejects.toBe(AWAY);
  await clock.advance(0);
  expect(clock.pending).toBe(0);
  reads[1]!.end();
  await next;
  await clock.advance(60_000);
  expect(reads).toHaveLength(2);
});

test('closing ends the repeating, waits for what is running, and leaves nothing behind', async () => {
  const { clock, reads, reload } = bench();
  const failed = reload.request();
  reads[0]!.end(AWAY);
  await expect(failed).rejects.toBe(AWAY);
  expect(clock.pending).toBe(1);
  const running = reload.request();
  let closed = false;
  const closing = reload.close().then(() => (closed = true));
  await clock.advance(0);
  expect(closed).toBe(false);
  reads[1]!.end(AWAY);
  await expect(running).rejects.toBe(AWAY);
  await closing;
  await reload.request();
  expect(clock.pending).toBe(0);
  expect(reads).toHaveLength(2);
});
