import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RetryBudget } from './retry-budget.ts';

test('three retries are always allowed, and the fourth needs company, and requests that have earned it', () => {
  let active = 1;
  const budget = new RetryBudget(
    () => active,
    () => 0,
  );
  expect([budget.take(), budget.take(), budget.take(), budget.take()]).toEqual([true, true, true, false]);
  active = 20;
  expect(budget.take()).toBe(false);
  for (let i = 0; i < 25; i++) budget.earn();
  expect([budget.take(), budget.take()]).toEqual([true, false]); // 4 of 20; and the three before were on credit
});

test('where there are no requests to earn them, one request can still be tried everywhere, and then three retries a second are to be had', () => {
  let nowMs = 0;
  const budget = new RetryBudget(
    () => 1,
    () => nowMs,
  );
  const taken: number[] = [];
  for (; nowMs < 10_000; nowMs += 10) {
    if (!budget.take()) continue;
    taken.push(nowMs);
    budget.release();
  }
  expect(taken.slice(0, 24)).toEqual(Array.from({ length: 24 }, (_, i) => i * 10));
  expect(taken.length).toBeLessThanOrEqual(24 + 30);
  expect(taken.length).toBeGreaterThanOrEqual(24 + 28);
});

test('a long calm earns no more than one burst may use', () => {
  const budget = new RetryBudget(
    () => 100,
    () => 0,
  );
  for (let i = 0; i < 10_000; i++) budget.earn();
  let taken = 0;
  // As they fail at once, those in progress never bound them.
  for (let i = 0; i < 1_000; i++) {
    if (!budget.take()) continue;
    taken++;
    budget.release();
  }
  expect(taken).toBe(20 + 24);
});

const step = fc.oneof(
  { weight: 4, arbitrary: fc.constant('take' as const) },
  { weight: 3, arbitrary: fc.constant('release' as const) },
  { weight: 3, arbitrary: fc.constant('request' as const) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 400 }) },
);

test('whatever comes in which order, no more than three or a fifth are in progress, no more are made than were earned, and in the end none is left', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      let active = 0;
      let requests = 0;
      let made = 0;
      const budget = new RetryBudget(
        () => active,
        () => 0,
      );
      let mine = 0;
      for (const what of steps) {
        if (typeof what === 'number') active = Math.max(what, mine); // a request in a retry is itself active
        else if (what === 'request') {
          budget.earn();
          requests++;
        } else if (what === 'release') {
          if (mine === 0) continue;
          budget.release();
          mine--;
        } else {
          if (!budget.take()) continue;
          mine++;
          made++;
          expect(budget.taken).toBeLessThanOrEqual(Math.max(3, 0.2 * active));
        }
        expect(budget.taken).toBe(mine);
        expect(made).toBeLessThanOrEqual(0.2 * requests + 24);
      }
      for (; mine > 0; mine--) budget.release();
      expect(budget.taken).toBe(0);
    }),
    { numRuns: 2_000 },
  );
});
