import { expect, test } from 'vitest';
import { WallClockWatch } from './wall-clock-watch.ts';

test('a clock that is set back is told once, by how much; one that is set right, or ahead, is not', () => {
  const watch = new WallClockWatch(0, 1_000_000);
  expect(watch.setBackMs(1_000, 1_001_000)).toBe(0);
  expect(watch.setBackMs(2_000, 1_000_500)).toBe(0);
  expect(watch.setBackMs(3_000, 903_000)).toBe(100_000);
  expect(watch.setBackMs(4_000, 904_000)).toBe(0);
  expect(watch.setBackMs(5_000, 5_000_000)).toBe(0);
  expect(watch.setBackMs(6_000, 904_000)).toBe(4_097_000);
});

test('many small steps back add up', () => {
  const watch = new WallClockWatch(0, 1_000_000);
  const told = Array.from({ length: 5 }, (_, i) => watch.setBackMs(0, 1_000_000 - 700 * (i + 1)));
  expect(told).toEqual([0, 0, 2_100, 0, 0]);
});
