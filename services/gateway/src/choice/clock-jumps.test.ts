import fc from 'fast-check';
import { expect, test } from 'vitest';
import { chooseAccount } from './choose-account.ts';
import { WALL_MS, account, adopted } from './fixtures/accounts.ts';
import { LANE_AT } from './lanes.ts';
import { LiveFigures } from './live-figures.ts';

const LANE = LANE_AT.responses;
const DAY_MS = 86_400_000;
const anyone = { model: 'm', lane: LANE, key: { accounts: null }, tried: [] };

/** Figures on two clocks, of which the wall clock can be set alone, or stand still. Looked after once a second, as in a server. */
function world() {
  const clock = { nowMs: 1_000, wallMs: WALL_MS, isFrozen: false };
  const live = new LiveFigures({ nowMs: () => clock.nowMs, wallClockMs: () => clock.wallMs });
  const pass = (ms: number): void => {
    for (let left = ms; left > 0; left -= 1_000) {
      const step = Math.min(left, 1_000);
      clock.nowMs += step;
      if (!clock.isFrozen) clock.wallMs += step;
      live.settle();
    }
  };
  const tell = (slot: number, usedPercent: number): void =>
    live.observe(slot, {
      source: 'header',
      atMs: clock.wallMs,
      short: { usedPercent, windowS: 18_000, resetAtS: null },
      weekly: null,
      planType: null,
    });
  return { live, clock, pass, tell };
}

const JUMPS = [
  ['a day ahead', DAY_MS],
  ['ten minutes ahead', 600_000],
  ['ten minutes back', -600_000],
  ['a day back', -DAY_MS],
] as const;

test.each(JUMPS)('failures count, wear off and end at the same time when the wall clock is set %s', (_name, jumpMs) => {
  const standings = (jump: number): unknown[] => {
    const { live, clock, pass } = world();
    const { slot } = account(live, 'a');
    for (let i = 0; i < 3; i++) live.failed(slot, LANE, 'connect', 'transport', null);
    clock.wallMs += jump;
    return Array.from({ length: 60 }, () => {
      pass(10_000);
      return [live.standing(slot, LANE), live.health(slot, LANE), live.backInMs(slot, LANE)];
    });
  };
  expect(standings(jumpMs)).toEqual(standings(0));
});

test.each(JUMPS)('a block does not last longer when the wall clock is set %s, and what is told then counts', (_name, jumpMs) => {
  const { live, clock, pass, tell } = world();
  const a = account(live, 'a');
  const snapshot = adopted(live, [a]);
  tell(a.slot, 10);
  live.block(a.slot, 300_000, false);
  clock.wallMs += jumpMs;
  pass(2_000);
  if (jumpMs < 0) expect([chooseAccount(snapshot, live, anyone).account, live.backInMs(a.slot, LANE)]).toEqual([null, 298_000]);
  pass(298_000);
  expect(chooseAccount(snapshot, live, anyone).account).toBe(a);
  tell(a.slot, 92);
  expect(live.band(a.slot, LANE)).toBe('thin');
  // Refused again, it is blocked again, for as long as was said.
  live.block(a.slot, 60_000, false);
  expect(live.backInMs(a.slot, LANE)).toBe(60_000);
});

test('a quota that is used up is full again no later than its window is long, though the clock was set back a day', () => {
  const { live, clock, pass, tell } = world();
  const a = account(live, 'a');
  const snapshot = adopted(live, [a]);
  tell(a.slot, 100);
  clock.wallMs -= DAY_MS;
  pass(18_000_000);
  expect(chooseAccount(snapshot, live, anyone).account).toBeNull();
  pass(2_000);
  expect(chooseAccount(snapshot, live, anyone).account).toBe(a);
});

test('with a wall clock that stands still blocks end all the same', () => {
  const { live, clock, pass } = world();
  const a = account(live, 'a');
  const snapshot = adopted(live, [a]);
  clock.isFrozen = true;
  live.block(a.slot, 60_000, false);
  pass(55_000);
  expect(chooseAccount(snapshot, live, anyone).account).toBeNull();
  pass(8_000);
  expect(chooseAccount(snapshot, live, anyone).account).toBe(a);
});

test('wherever the wall clock is set, and how often, no block outlasts what was said by more than it takes to see that', () => {
  const step = fc.oneof(
    fc.record({ does: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 90_000 }) }),
    fc.record({ does: fc.constant('set' as const), ms: fc.constantFrom(-DAY_MS, -600_000, -2_500, -1_500, 1_500, 600_000, DAY_MS) }),
    fc.record({ does: fc.constant('block' as const), ms: fc.integer({ min: 1_000, max: 120_000 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
      const { live, clock, pass } = world();
      const a = account(live, 'a');
      const snapshot = adopted(live, [a]);
      let untilMs = 0;
      for (const { does, ms } of steps) {
        if (does === 'pass') pass(ms);
        else if (does === 'set') {
          clock.wallMs += ms;
          pass(1);
        } else {
          live.block(a.slot, ms, false);
          untilMs = Math.max(untilMs, clock.nowMs + ms);
        }
        // A second of the upkeep, and two that a clock may be set right by.
        if (clock.nowMs > untilMs + 3_000) expect(chooseAccount(snapshot, live, anyone).account).toBe(a);
      }
    }),
    { numRuns: 300 },
  );
});
