import fc from 'fast-check';
import { expect, test } from 'vitest';
import { HEALTH_POINTS, Health } from './health.ts';
import type { HealthEvent } from './health.ts';
import { LANE_AT } from './lanes.ts';

function health(): Health {
  const made = new Health();
  made.grow(8);
  return made;
}

test.each([
  ['connect', 5],
  ['transport', 4],
  ['overload', 2],
  ['auth', 12],
  ['forbidden', 2],
] as const)('%s costs %i points of health and 2 of pairing', (event, points) => {
  const one = health();
  one.hit(0, event, 0);
  expect([one.effective(0), one.rank(0)]).toEqual([points, points + 2]);
});

test('a success takes two off, a minute one, and a bad pairing is forgotten by one in three minutes', () => {
  const one = health();
  one.hit(0, 'auth', 0);
  one.ease(0);
  expect(one.effective(0)).toBe(10);
  one.decay(0, 59_999);
  expect(one.effective(0)).toBe(10);
  one.decay(0, 60_000);
  expect(one.effective(0)).toBe(9);
  one.decay(0, 180_000);
  expect([one.effective(0), one.rank(0)]).toEqual([7, 8]);
});

test('half of the score of the coupled lane counts: responses with websocket, compact with standard', () => {
  const one = health();
  one.hit(LANE_AT.responses, 'connect', 0);
  one.hit(LANE_AT.standard, 'transport', 0);
  expect(Object.values(LANE_AT).map((lane) => one.effective(lane))).toEqual([5, 2, 2, 4]);
});

test.each([
  ['responses', [119, 120, 300, 700, 1_500], [0, 2, 4, 7, 12]],
  ['websocket', [119, 120, 300, 700, 1_500], [0, 2, 4, 7, 12]],
  ['compact', [79, 80, 180, 400, 900], [0, 2, 4, 7, 12]],
  ['standard', [79, 80, 180, 400, 900], [0, 2, 4, 7, 12]],
] as const)('on %s a first byte after %j ms costs %j points', (lane, times, points) => {
  expect(
    times.map((ms) => {
      const one = health();
      one.observeFirstByte(LANE_AT[lane], ms);
      return one.rank(LANE_AT[lane]);
    }),
  ).toEqual(points);
});

test('first bytes are smoothed, two parts old to one part new', () => {
  const one = health();
  one.observeFirstByte(0, 90);
  expect(one.observeFirstByte(0, 179)).toBe(false);
  expect(one.observeFirstByte(0, 122)).toBe(true);
});

test('a score never leaves 0 to 16 and ends at 0', () => {
  const events = Object.keys(HEALTH_POINTS) as HealthEvent[];
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.constantFrom(...events, 'ease' as const, 'pass' as const), fc.nat(200_000)), { maxLength: 60 }), (steps) => {
      const one = health();
      let nowMs = 0;
      for (const [event, ms] of steps) {
        if (event === 'ease') one.ease(0);
        else if (event === 'pass') one.decay(0, (nowMs += ms));
        else one.hit(0, event, nowMs);
        expect(one.effective(0)).toBeGreaterThanOrEqual(0);
        expect(one.effective(0)).toBeLessThanOrEqual(16);
      }
      one.decay(0, nowMs + 16 * 180_000);
      expect([one.rank(0), one.isSound(0)]).toEqual([0, true]);
    }),
    { numRuns: 500 },
  );
});
