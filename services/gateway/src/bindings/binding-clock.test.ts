import { expect, test } from 'vitest';
import { BindingClock } from './binding-clock.ts';

const START_S = 1_800_000_000;
const DAY_S = 86_400;

/** A clock of bindings, looked after once a second for an hour of it. */
function world() {
  const at = { nowMs: 5_000, wallMs: START_S * 1_000 };
  const clock = new BindingClock({ nowMs: () => at.nowMs, wallClockMs: () => at.wallMs });
  const pass = (seconds: number): void => {
    for (let s = 0; s < seconds; s++) {
      at.nowMs += 1_000;
      at.wallMs += 1_000;
      clock.tick();
    }
  };
  return { at, clock, pass };
}

test('both clocks go with the time', () => {
  const { clock, pass } = world();
  pass(3_600);
  expect([clock.nowS(), clock.agedS()]).toEqual([START_S + 3_600, START_S + 3_600]);
});

test('a wall clock that is set forward, or has gone on while the machine slept, is followed at twice the pace until it is met', () => {
  const { at, clock, pass } = world();
  at.wallMs += 1_800_000;
  expect(clock.nowS()).toBe(START_S);
  pass(600);
  expect([clock.nowS(), clock.agedS()]).toEqual([START_S + 1_200, START_S + 1_200]);
  pass(3_000);
  expect([clock.nowS(), clock.agedS()]).toEqual([START_S + 5_400, START_S + 5_400]);
});

test('one that is set back is not followed', () => {
  const { at, clock, pass } = world();
  at.wallMs -= DAY_S * 1_000;
  pass(60);
  expect([clock.nowS(), clock.agedS()]).toEqual([START_S + 60, START_S + 60]);
});

test('after a start from old stamps ages go on from there, at twice the pace; new stamps are those of the wall clock', () => {
  const { clock, pass } = world();
  clock.resume(START_S - DAY_S);
  expect([clock.nowS(), clock.agedS()]).toEqual([START_S, START_S - DAY_S]);
  pass(3_600);
  expect([clock.nowS(), clock.agedS()]).toEqual([START_S + 3_600, START_S - DAY_S + 7_200]);
  pass(DAY_S);
  expect(clock.agedS()).toBe(clock.nowS());
});

test('stamps of the future age nothing', () => {
  const { clock } = world();
  clock.resume(START_S + DAY_S);
  expect(clock.agedS()).toBe(START_S);
});
