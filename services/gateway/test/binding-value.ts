import fc from 'fast-check';
import { NOBODY } from '../src/bindings/merge.ts';
import type { BindingValue } from '../src/bindings/merge.ts';

/** Bindings of few owners and few moments, so that every pair of them meets; the same for the laws in memory and in SQL. */
export const bindingValue: fc.Arbitrary<BindingValue> = fc
  .record({
    owner: fc.constantFrom('acct_a', 'acct_b', 'acct_c', NOBODY),
    namespace: fc.constantFrom('key_1', 'key_1', 'key_1', 'key_2', NOBODY),
    epoch: fc.nat(2),
    boundAtS: fc.integer({ min: 1_000, max: 1_003 }),
    touchedAtS: fc.integer({ min: 1_000, max: 1_003 }),
    state: fc.constantFrom(0, 1, 2, 3),
    stateAtS: fc.integer({ min: 1_000, max: 1_002 }),
    misses: fc.nat(2),
  })
  // What two namespaces claim has no owner either.
  .map((value) => (value.namespace === NOBODY ? { ...value, owner: NOBODY } : value));
