import { expect, test } from 'vitest';
import { FaultBudget } from './fault-budget.ts';

test('each failure is handed out once, and places do not share them', () => {
  const budget = new FaultBudget({ upstream_connect: 2, upstream_read: 1, state_save: 0, migration: 0, refresh: 0 });
  expect([1, 2, 3].map(() => budget.take('upstream_connect'))).toEqual([true, true, false]);
  expect([budget.take('state_save'), budget.take('upstream_read'), budget.take('upstream_read')]).toEqual([false, true, false]);
});
