import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Samples, median, quantile, summarise } from './samples.ts';

test('quantiles are by nearest rank', () => {
  const hundred = Float64Array.from({ length: 100 }, (_, i) => i + 1);
  expect([0.5, 0.9, 0.99, 1].map((share) => quantile(hundred, share))).toEqual([50, 90, 99, 100]);
  expect(quantile(Float64Array.of(7), 0.01)).toBe(7);
});

test('a quantile is a sample that the given share does not exceed', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ noNaN: true }), { minLength: 1 }), fc.double({ min: 0.001, max: 1, noNaN: true }), (values, share) => {
      const sorted = Float64Array.from(values).sort();
      const found = quantile(sorted, share);
      expect(sorted.includes(found)).toBe(true);
      expect(sorted.filter((value) => value <= found).length).toBeGreaterThanOrEqual(Math.ceil(values.length * share));
    }),
  );
});

test('a summary is the same in whatever order the samples came', () => {
  expect(summarise([3, 1, 2])).toEqual({ count: 3, p50: 2, p90: 3, p99: 3, max: 3 });
  expect(summarise([2, 3, 1])).toEqual(summarise([3, 1, 2]));
  expect(summarise([])).toEqual({ count: 0, p50: 0, p90: 0, p99: 0, max: 0 });
});

test('samples are kept beyond the first room made for them, and forgotten when asked', () => {
  const samples = new Samples();
  for (let i = 1; i <= 10_000; i++) samples.add(i);
  expect(samples.summary()).toEqual({ count: 10_000, p50: 5000, p90: 9000, p99: 9900, max: 10_000 });
  samples.clear();
  samples.add(4);
  expect(samples.summary()).toEqual({ count: 1, p50: 4, p90: 4, p99: 4, max: 4 });
});

test('the median is the middle, or the mean of the two in the middle', () => {
  expect(median([5, 1, 3])).toBe(3);
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(median([])).toBeNaN();
});
