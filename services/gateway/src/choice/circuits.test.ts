import { expect, test } from 'vitest';
import { Circuits, openForMs } from './circuits.ts';

function circuits(): Circuits {
  const made = new Circuits();
  made.grow(4);
  return made;
}

test('a circuit is open for 20 s, doubled by each point over four up to three and by each time it was opened anew, 600 s at most', () => {
  expect([4, 5, 6, 7, 8, 16].map((score) => openForMs(score, 0))).toEqual([20_000, 40_000, 80_000, 160_000, 160_000, 160_000]);
  expect([0, 1, 2, 3, 4].map((stage) => openForMs(4, stage))).toEqual([20_000, 40_000, 80_000, 160_000, 320_000]);
  expect(openForMs(7, 2)).toBe(600_000);
});

test('a score under four opens nothing', () => {
  const one = circuits();
  one.failed(0, 3, 0);
  expect(one.isClosed(0)).toBe(true);
});

test('after its time one request probes, then the next 5, 10, 20, 40 and 60 s later', () => {
  const one = circuits();
  one.failed(0, 4, 0);
  expect([one.backAtMs(0), one.begun(0, 19_999)]).toEqual([20_000, false]);
  let nowMs = 20_000;
  const waits: number[] = [];
  for (let i = 0; i < 6; i++) {
    expect(one.begun(0, nowMs)).toBe(true);
    expect(one.begun(0, nowMs)).toBe(false);
    waits.push(one.backAtMs(0) - nowMs);
    nowMs = one.backAtMs(0);
  }
  expect(waits).toEqual([5_000, 10_000, 20_000, 40_000, 60_000, 60_000]);
});

test('a probe that fails opens it for longer, one that succeeds closes it, and half an hour forgets how often', () => {
  const one = circuits();
  let nowMs = 0;
  const times: number[] = [];
  for (let i = 0; i < 6; i++) {
    one.failed(0, 4, nowMs);
    times.push(one.backAtMs(0) - nowMs);
    nowMs = one.backAtMs(0);
  }
  expect(times).toEqual([20_000, 40_000, 80_000, 160_000, 320_000, 320_000]);
  one.begun(0, nowMs);
  one.close(0);
  expect([one.isClosed(0), one.backAtMs(0)]).toEqual([true, 0]);
  one.failed(0, 4, nowMs + 1_800_001);
  expect(one.backAtMs(0) - nowMs - 1_800_001).toBe(20_000);
});
