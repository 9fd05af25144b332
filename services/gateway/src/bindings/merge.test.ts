import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bindingValue } from '../../test/binding-value.ts';
import { NOBODY, mergeBindings } from './merge.ts';

/** How often each law is tried; `npm run prove` sets a hundred thousand. */
const RUNS = { numRuns: Number(process.env['SWITCHYARD_TEST_MERGES'] ?? 2_000) };

test('merging is commutative', () => {
  fc.assert(
    fc.property(bindingValue, bindingValue, (a, b) => {
      expect(mergeBindings(a, b)).toEqual(mergeBindings(b, a));
    }),
    RUNS,
  );
});

test('merging is associative', () => {
  fc.assert(
    fc.property(bindingValue, bindingValue, bindingValue, (a, b, c) => {
      expect(mergeBindings(mergeBindings(a, b), c)).toEqual(mergeBindings(a, mergeBindings(b, c)));
    }),
    RUNS,
  );
});

test('merging is idempotent, also with what has been merged already', () => {
  fc.assert(
    fc.property(bindingValue, bindingValue, (a, b) => {
      expect(mergeBindings(a, a)).toEqual(a);
      const both = mergeBindings(a, b);
      expect(mergeBindings(both, a)).toEqual(both);
      expect(mergeBindings(b, both)).toEqual(both);
    }),
    RUNS,
  );
});

test('two owners of one epoch are a conflict, which only a later epoch ends', () => {
  fc.assert(
    fc.property(bindingValue, bindingValue, (a, b) => {
      const { owner } = mergeBindings(a, b);
      if (a.epoch > b.epoch) expect(owner).toBe(a.owner);
      else if (b.epoch > a.epoch) expect(owner).toBe(b.owner);
      else if (a.owner !== b.owner || a.namespace !== b.namespace) expect(owner).toBe(NOBODY);
      else expect(owner).toBe(a.owner);
    }),
    RUNS,
  );
});
