import { expect, test } from 'vitest';
import { laneLimits, usualKeyLimit, usualQueue } from './lanes.ts';

test('lanes are shares of the active requests, rounded down, and never nothing', () => {
  const percents = { responses: 75, compact: 25, websocket: 75, standard: 50 };
  expect(laneLimits(12_000, percents)).toEqual({ responses: 9_000, compact: 3_000, websocket: 9_000, standard: 6_000 });
  expect(laneLimits(3, percents)).toEqual({ responses: 2, compact: 1, websocket: 2, standard: 1 });
});

test('a twelfth of the active requests may wait, from 128 to 1024', () => {
  expect([16, 1_536, 2_400, 12_000, 1_000_000].map(usualQueue)).toEqual([128, 128, 200, 1_000, 1_024]);
});

test('a key may have all places while it is alone, and half of them beside others', () => {
  expect([usualKeyLimit(12_000, 1), usualKeyLimit(12_000, 2), usualKeyLimit(1, 2)]).toEqual([Infinity, 6_000, 1]);
});
