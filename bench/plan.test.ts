import { expect, test } from 'vitest';
import { FULL_PLAN, QUICK_PLAN, readPlan } from './plan.ts';

test('without arguments the whole board is measured, in at least five rounds', () => {
  expect(readPlan([])).toEqual(FULL_PLAN);
  expect(FULL_PLAN.rounds).toBeGreaterThanOrEqual(5);
});

test('arguments narrow the plan', () => {
  const plan = readPlan(['--quick', '--rounds', '7', '--only', 'unary,events', '--subjects', 'switchyard']);
  expect(plan).toEqual({
    ...QUICK_PLAN,
    rounds: 7,
    measures: ['unary', 'events'],
    subjects: ['switchyard'],
    openStreams: [{ streams: 1000, rounds: 3, peers: true }],
  });
});

test('what is not understood is refused by name, with what it may be', () => {
  expect(() => readPlan(['--fast'])).toThrow('Unknown argument "--fast". Usage:');
  expect(() => readPlan(['--only', 'unary,speed'])).toThrow('--only does not know "speed". It takes, with commas between: unary, rejected');
  expect(() => readPlan(['--only'])).toThrow('--only does not know ""');
  expect(() => readPlan(['--subjects', 'caddy'])).toThrow('--subjects does not know "caddy"');
  expect(() => readPlan(['--rounds', '0'])).toThrow('--rounds takes a whole number');
  expect(() => readPlan(['--rounds'])).toThrow('--rounds takes a whole number');
});
