import { fakeClock } from '@switchyard/testkit';
import { expect, test } from 'vitest';
import { PRESSURE_SIGNS, Pressure } from './pressure.ts';

const CALM = { loopDelayMs: 0, journalRows: 0 };

function open() {
  const clock = fakeClock();
  const pressure = new Pressure(clock.now);
  return { clock, pressure, signs: () => PRESSURE_SIGNS.filter((sign) => pressure.of(sign) > 0) };
}

test('a refusal presses for three seconds, and each further one anew', async () => {
  const { clock, pressure, signs } = open();
  pressure.refused();
  expect([pressure.step, pressure.isOn, signs()]).toEqual([1, true, ['refused']]);
  await clock.advance(2_000);
  pressure.refused();
  await clock.advance(2_999);
  pressure.tick(CALM);
  expect(pressure.isOn).toBe(true);
  await clock.advance(1);
  pressure.tick(CALM);
  expect([pressure.step, pressure.isOn, signs()]).toEqual([0, false, []]);
});

test('a queue presses from one above its half on, and harder above three quarters', () => {
  const { pressure } = open();
  expect([0, 50, 51, 75, 76, 100, 51, 50].map((count) => (pressure.waiting(count, 100), pressure.step))).toEqual([0, 0, 1, 1, 2, 2, 1, 0]);
});

test('a slow loop presses while it is slow, and one long step does not', () => {
  const { pressure, signs } = open();
  for (const loopDelayMs of [100, 100, 30_000, 100, 101]) {
    pressure.tick({ ...CALM, loopDelayMs });
    expect(pressure.isOn).toBe(false);
  }
  pressure.tick({ ...CALM, loopDelayMs: 101 });
  expect([pressure.step, pressure.isOn, signs()]).toEqual([1, true, ['loop']]);
  pressure.tick(CALM);
  expect(pressure.isOn).toBe(false);
});

test('a database that is behind turns two ranks away, and cuts no wait short', () => {
  const { pressure, signs } = open();
  pressure.tick({ ...CALM, journalRows: 10_001 });
  expect([pressure.step, pressure.isOn, signs()]).toEqual([2, false, ['journal']]);
});

test('of several signs the hardest counts', () => {
  const { pressure } = open();
  pressure.refused();
  pressure.waiting(80, 100);
  for (let i = 0; i < 2; i++) pressure.tick({ ...CALM, loopDelayMs: 500 });
  expect(pressure.step).toBe(2);
  pressure.waiting(0, 100);
  expect(pressure.step).toBe(1);
});
