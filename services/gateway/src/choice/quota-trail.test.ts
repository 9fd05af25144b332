import { expect, test } from 'vitest';
import { QuotaTrail } from './quota-trail.ts';

const AT = 1_800_000_000_000;
const MINUTE = 60_000;
const RESET = 300;

/** Readings as minutes, percent used and the minute of the reset; the pace is in percent by hour. */
function paceOf(readings: readonly (readonly [number, number, number?])[], nowMinute: number): number | null {
  const trail = new QuotaTrail();
  for (const [minute, usedPercent, reset = RESET] of readings) trail.note({ usedPercent, resetAtMs: AT + reset * MINUTE }, AT + minute * MINUTE);
  const pace = trail.pace(AT + nowMinute * MINUTE);
  return pace === null ? null : Math.round(pace * 60 * MINUTE * 1_000) / 1_000;
}

test.each([
  { told: 'nothing', readings: [], now: 10, pace: null },
  { told: 'one reading just now', readings: [[0, 40]], now: 4, pace: null },
  { told: 'one reading, and nothing was used since', readings: [[0, 40]], now: 5, pace: 0 },
  {
    told: 'a steady use',
    readings: [
      [0, 10],
      [15, 15],
      [30, 20],
    ],
    now: 30,
    pace: 20,
  },
  {
    told: 'more within the five minutes of a point',
    readings: [
      [0, 10],
      [1, 12],
      [2, 14],
      [6, 16],
    ],
    now: 6,
    pace: 60,
  },
  {
    told: 'use and then rest, which slows it down',
    readings: [
      [0, 10],
      [30, 20],
    ],
    now: 60,
    pace: 10,
  },
  {
    told: 'use of more than an hour ago',
    readings: [
      [0, 0],
      [30, 50],
      [60, 50],
    ],
    now: 90,
    pace: 0,
  },
  {
    told: 'a use long ago and one just now',
    readings: [
      [0, 0],
      [200, 50],
    ],
    now: 201,
    pace: null,
  },
  {
    told: 'a reset that was told',
    readings: [
      [0, 10],
      [30, 90],
      [40, 2],
      [50, 4],
    ],
    now: 50,
    pace: 12,
  },
  {
    told: 'a reset at its time, with more used than before',
    readings: [
      [0, 10, 20],
      [15, 20, 20],
      [25, 30],
      [30, 31],
    ],
    now: 30,
    pace: 12,
  },
  {
    told: 'a reset since',
    readings: [
      [0, 10, 20],
      [15, 20, 20],
    ],
    now: 20,
    pace: 0,
  },
  {
    told: 'a reading that is rounded down',
    readings: [
      [0, 10],
      [6, 12.5],
      [12, 12],
      [30, 15],
    ],
    now: 30,
    pace: 10,
  },
  { told: 'more points than are kept', readings: Array.from({ length: 30 }, (_, i) => [i * 5, i * 2] as const), now: 145, pace: 24 },
  { told: 'a clock that went back', readings: [[30, 10]], now: 0, pace: null },
] satisfies { told: string; readings: (readonly [number, number, number?])[]; now: number; pace: number | null }[])(
  'the pace after $told is $pace percent by hour',
  ({ readings, now, pace }) => {
    expect(paceOf(readings, now)).toBe(pace);
  },
);
