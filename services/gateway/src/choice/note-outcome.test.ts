import { expect, test } from 'vitest';
import { account, adopted, figuresAt } from './fixtures/accounts.ts';
import { LANE_AT } from './lanes.ts';
import { noteOutcome } from './note-outcome.ts';

const LANE = LANE_AT.responses;
const NOTHING = { backoff: null, code: null, retryAfterS: null };

function noted(...outcomes: [status: number | null, failure: Parameters<typeof noteOutcome>[4], judged?: Partial<Parameters<typeof noteOutcome>[5]>][]) {
  const { live } = figuresAt(0);
  const one = account(live, 'a');
  adopted(live, [one]);
  for (const [status, failure, judged] of outcomes) noteOutcome(live, one.slot, LANE, status, failure, { ...NOTHING, ...judged }, 0);
  return { standing: live.standing(one.slot, LANE), health: live.health(one.slot, LANE), backInMs: live.backInMs(one.slot, LANE) };
}

// Points of health with the two of pairing.
test.each([
  [[null, 'connect', { backoff: 'transport' }], 7],
  [[null, 'connect_timeout', { backoff: 'transport' }], 7],
  [[null, 'reset', { backoff: 'transport' }], 6],
  [[null, 'head_timeout', { backoff: 'transport' }], 6],
  [[null, 'idle_timeout', { backoff: 'transport' }], 6],
  [[null, 'protocol', { backoff: 'transport' }], 6],
  [[500, null, { backoff: 'server_error' }], 6],
  [[503, null, { backoff: 'overload' }], 4],
  [[401, null, { backoff: 'auth' }], 14],
  [[402, null, { backoff: 'forbidden' }], 4],
  [[403, null, {}], 4],
  [[429, null, {}], 0],
  [[400, null, {}], 0],
  [[429, null, { backoff: 'quota', code: 'usage_limit_reached' }], 0],
  [[null, 'aborted', {}], 0],
] as const)('%j costs %i points', (outcome, points) => {
  expect(noted(outcome as never).health).toBe(points);
});

test('a client’s leaving changes nothing, neither for better nor for worse', () => {
  const failed = noted([null, 'reset', { backoff: 'transport' }]);
  expect(noted([null, 'reset', { backoff: 'transport' }], [null, 'aborted', {}])).toEqual(failed);
});

test('an answer that is only about the request takes the account back, but lifts no block of its quota', () => {
  expect(noted([500, null, { backoff: 'server_error' }], [400, null]).standing).toBe('ready');
  expect(noted([429, null, { backoff: 'quota', code: 'usage_limit_reached' }], [400, null], [429, null], [200, null])).toMatchObject({
    standing: 'quota_blocked',
    backInMs: 300_000,
  });
});

test('a limit by the minute blocks for 20 s unless the upstream says how long', () => {
  expect(noted([429, null, { backoff: 'quota', code: 'rate_limit_exceeded' }]).backInMs).toBe(20_000);
  expect(noted([429, null, { backoff: 'quota', code: 'rate_limit_exceeded', retryAfterS: 2 }]).backInMs).toBe(2_000);
});

test.each([
  [{ backoff: 'auth' as const }, 401, 'ready'],
  [{ backoff: 'server_error' as const }, 500, 'backing_off'],
])('another credential ends what followed from the refusal of the one before, and nothing else: %j', (judged, status, standing) => {
  const { live } = figuresAt(0);
  const one = account(live, 'a');
  adopted(live, [one]);
  noteOutcome(live, one.slot, LANE, status, null, { ...NOTHING, ...judged }, 0);
  expect(live.standing(one.slot, LANE)).not.toBe('ready');
  live.trustAnew(one.slot);
  expect(live.standing(one.slot, LANE)).toBe(standing);
});
