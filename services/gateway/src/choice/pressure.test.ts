import fc from 'fast-check';
import { expect, test } from 'vitest';
import { pressureBucket, pressureOf } from './pressure.ts';

test('pressure is seconds to the reset by what is left, the week weighing ten times as much, eight on compact and standard', () => {
  expect(pressureOf(3_600, 50, 600, 20, 0)).toBe(10 * 72_000 + 30_000);
  expect(pressureOf(3_600, 50, 600, 20, 1)).toBe(8 * 72_000 + 30_000);
  expect(pressureOf(10, 0.2, -5, 100, 0)).toBe(100_000);
});

test('a bucket is a step of half as much again, and is left only a fifth beyond its edge', () => {
  expect([0, 0.9, 1, 1.5, 2.26, 1e6].map((pressure) => pressureBucket(pressure, 40))).toEqual([0, 0, 0, 1, 2, 34]);
  const edge = 1.5 ** 10;
  expect(pressureBucket(edge * 1.19, 9)).toBe(9);
  expect(pressureBucket(edge * 1.21, 9)).toBe(10);
  expect(pressureBucket(edge / 1.19, 10)).toBe(10);
  expect(pressureBucket(edge / 1.21, 10)).toBe(9);
});

test('noise of less than a fifth never moves a bucket back and forth, and no bucket is outside 0 to 63', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 1e12, noNaN: true }),
      fc.array(fc.double({ min: 0.92, max: 1.08, noNaN: true }), { maxLength: 20 }),
      (pressure, noise) => {
        const settled = pressureBucket(pressure, pressureBucket(pressure, 0));
        expect(settled).toBeGreaterThanOrEqual(0);
        expect(settled).toBeLessThanOrEqual(63);
        let bucket = settled;
        const seen = new Set<number>([bucket]);
        for (const factor of noise) seen.add((bucket = pressureBucket(pressure * factor, bucket)));
        expect(seen.size).toBeLessThanOrEqual(2);
        // It moves once at most: what it moved to holds.
        expect(pressureBucket(pressure, bucket)).toBe(bucket);
      },
    ),
    { numRuns: 2_000 },
  );
});
