import { expect, test } from 'vitest';

import { fakeClock } from './fake-clock.ts';

test('what falls due runs in order of time, then of asking, each at its own time', async () => {
  const clock = fakeClock(1_000);
  const ran: [string, number][] = [];
  const note = (name: string) => (): void => void ran.push([name, clock.now()]);
  clock.after(20, note('late'));
  clock.after(10, note('early'));
  clock.after(10, note('early too'));
  const cancel = clock.after(15, note('called off'));
  cancel();
  await clock.advance(19);
  expect(ran).toEqual([
    ['early', 1_010],
    ['early too', 1_010],
  ]);
  await clock.advance(1);
  expect(ran.at(-1)).toEqual(['late', 1_020]);
  expect(clock.pending).toBe(0);
});

test('what is asked for while the clock goes on runs in the same advance when it falls due in it', async () => {
  const clock = fakeClock();
  const ticks: number[] = [];
  const tick = async (): Promise<void> => {
    ticks.push(clock.now());
    await Promise.resolve();
    clock.after(10, () => void tick());
  };
  clock.after(10, () => void tick());
  await clock.advance(35);
  expect(ticks).toEqual([10, 20, 30]);
  expect(clock.pending).toBe(1);
});
