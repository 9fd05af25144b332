import { expect, test } from 'vitest';
import type { AttemptTrace, RequestTrace } from './history.ts';
import { Standings, TROUBLE_MS } from './standings.ts';
import { QUOTA_S } from './upstream.ts';

function watched(): { standings: Standings; clock: { nowMs: number; wallMs: number; places: number } } {
  const clock = { nowMs: 1_000, wallMs: 5_000, places: 0 };
  return { clock, standings: new Standings(2, { nowMs: () => clock.nowMs, wallClockMs: () => clock.wallMs, place: () => ++clock.places }) };
}

const attempt = (over: Partial<AttemptTrace>): AttemptTrace => ({ account: 1, status: 200, committedAt: 1, end: 'whole', ...over }) as AttemptTrace;
const request = { life: 1, asked: 'responses' } as RequestTrace;

test('what went wrong with an account is held against it for a while, and against no other', () => {
  const { standings, clock } = watched();
  standings.note(attempt({ status: 500, committedAt: null }), request);
  expect([standings.isClear(0), standings.isClear(1)]).toEqual([true, false]);
  clock.nowMs += TROUBLE_MS + 1;
  expect(standings.isClear(1)).toBe(true);
});

test('an account may be out of quota until the wall clock says otherwise, also when that is set back', () => {
  const { standings, clock } = watched();
  standings.exhausted(1);
  clock.wallMs += QUOTA_S * 1_000 + 2_000;
  expect(standings.isClear(1)).toBe(true);
  clock.wallMs -= 60_000;
  expect(standings.isClear(1)).toBe(false);
  expect(standings.mayBeExhausted(1)).toBe(true);
});

test('an account that failed is doubted by that gateway until it has served it in a later step', () => {
  const { standings, clock } = watched();
  standings.note(attempt({ status: 200, committedAt: 7, end: 'cut' }), request);
  standings.note(attempt({ committedAt: 8 }), request);
  expect([standings.isDoubted(1, 1, 'chat'), standings.isDoubted(2, 1, 'chat'), standings.isDoubted(1, 0, 'chat')]).toEqual([true, false, false]);
  clock.places = 9;
  standings.rested();
  standings.note(attempt({ committedAt: 9 }), request);
  expect(standings.isDoubted(1, 1, 'responses')).toBe(true);
  standings.note(attempt({ committedAt: 11 }), request);
  expect(standings.isDoubted(1, 1, 'responses')).toBe(false);
});

test('an account that serves again over one transport is still doubted over the other', () => {
  const { standings, clock } = watched();
  standings.note(attempt({ committedAt: null }), request);
  clock.places = 1;
  standings.rested();
  standings.note(attempt({ committedAt: 9 }), { ...request, asked: 'turn' });
  expect([standings.isDoubted(1, 1, 'turn'), standings.isDoubted(1, 1, 'responses')]).toEqual([false, true]);
});
