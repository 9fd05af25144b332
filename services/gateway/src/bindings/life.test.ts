import { expect, test } from 'vitest';
import { LIFE, confirmed, denied, lifeAt } from './life.ts';

const at = (state: keyof typeof LIFE, over: { stateAtS?: number; touchedAtS?: number; misses?: number } = {}) => ({
  state: LIFE[state],
  stateAtS: over.stateAtS ?? 10_000,
  touchedAtS: over.touchedAtS ?? 10_000,
  misses: over.misses ?? 0,
});

test('a follow-up that the owner takes verifies a binding, whatever was said before, but never a dead one', () => {
  expect(confirmed(at('warm'), 10_010)).toEqual({ state: LIFE.verified, stateAtS: 10_010, misses: 0 });
  expect(confirmed(at('suspect', { misses: 1 }), 10_010)).toEqual({ state: LIFE.verified, stateAtS: 10_010, misses: 0 });
  expect(confirmed(at('verified'), 10_010)).toBeNull();
  expect(confirmed(at('dead', { misses: 2 }), 10_010)).toBeNull();
});

test('a denial makes it suspect, a second one dead; two within a second are one', () => {
  expect(denied(at('warm'), 10_010)).toEqual({ state: LIFE.suspect, stateAtS: 10_010, misses: 1 });
  expect(denied(at('verified'), 10_010)).toEqual({ state: LIFE.suspect, stateAtS: 10_010, misses: 1 });
  expect(denied(at('suspect', { misses: 1 }), 10_000)).toBeNull();
  expect(denied(at('suspect', { misses: 1 }), 10_001)).toEqual({ state: LIFE.dead, stateAtS: 10_001, misses: 2 });
  expect(denied(at('dead', { misses: 2 }), 10_010)).toBeNull();
});

test('a suspicion ends after 120 s, but the denial behind it is remembered', () => {
  const suspect = at('suspect', { misses: 1 });
  expect(lifeAt(suspect, 10_120)).toBe(LIFE.suspect);
  expect(lifeAt(suspect, 10_121)).toBe(LIFE.warm);
  expect(denied(suspect, 20_000)).toEqual({ state: LIFE.dead, stateAtS: 20_000, misses: 2 });
});

test('what was verified is only warm after 1 800 s without use', () => {
  expect(lifeAt(at('verified'), 11_800)).toBe(LIFE.verified);
  expect(lifeAt(at('verified'), 11_801)).toBe(LIFE.warm);
  expect(lifeAt(at('verified', { touchedAtS: 11_000 }), 11_801)).toBe(LIFE.verified);
});

test('death is for ever', () => {
  expect(lifeAt(at('dead', { misses: 2 }), 4_000_000_000)).toBe(LIFE.dead);
});

// The table of the life of a binding, written out: where it stands, what its owner said or what time went by, and where it stands then.
test.each([
  ['warm', 0, 'confirmed', 'verified', 0],
  ['warm', 0, 'denied', 'suspect', 1],
  ['verified', 0, 'confirmed', 'verified', 0],
  ['verified', 0, 'denied', 'suspect', 1],
  ['verified', 0, 1_801, 'warm', 0],
  ['suspect', 1, 'confirmed', 'verified', 0],
  ['suspect', 1, 'denied', 'dead', 2],
  ['suspect', 1, 121, 'warm', 1],
  ['warm', 1, 'denied', 'dead', 2],
  ['warm', 1, 'confirmed', 'verified', 0],
  ['dead', 2, 'confirmed', 'dead', 2],
  ['dead', 2, 'denied', 'dead', 2],
  ['dead', 2, 1_801, 'dead', 2],
] as const)('%s with %i denials, %s: %s with %i', (from, misses, event, to, missesAfter) => {
  const life = at(from, { misses });
  const nowS = typeof event === 'number' ? 10_000 + event : 10_010;
  const after = typeof event === 'number' ? null : (event === 'confirmed' ? confirmed : denied)(life, nowS);
  expect([lifeAt({ ...life, ...after }, nowS), (after ?? life).misses]).toEqual([LIFE[to], missesAfter]);
});
