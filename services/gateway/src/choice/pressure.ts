import type { LaneFamily } from './lanes.ts';

/** How much a window counts, by family of lanes (product section 3). */
const WEIGHTS = [
  { weekly: 10, short: 1 },
  { weekly: 8, short: 1 },
] as const;

/** Pressures within one step of this ratio count as equal, so that requests in flight decide between them. */
const STEP = 1.5;
/** A bucket is left only when the pressure is this far beyond its edge, so that noise does not move accounts to and fro. */
const SLACK = 1.2;
const LAST_BUCKET = 63;
const LOG_STEP = Math.log(STEP);

/** Pressure of one window: the longer it still has to last and the less is left, the higher. 0 once it has been reset. */
function windowPressure(secondsToReset: number, leftPercent: number): number {
  return (Math.max(0, secondsToReset) * 1_000) / Math.max(leftPercent, 1);
}

/** Pressure on an account: its windows, weighed; seconds to the reset and percent left of each. A window that is not known has 0 seconds. */
export function pressureOf(weeklyS: number, weeklyLeft: number, shortS: number, shortLeft: number, family: LaneFamily): number {
  const weights = WEIGHTS[family];
  return weights.weekly * windowPressure(weeklyS, weeklyLeft) + weights.short * windowPressure(shortS, shortLeft);
}

/** The bucket of a pressure, 0 to 63. @param before  The bucket that the account was in. */
export function pressureBucket(pressure: number, before: number): number {
  const low = before === 0 ? 0 : STEP ** before / SLACK;
  if (pressure >= low && pressure < STEP ** (before + 1) * SLACK) return before;
  return pressure < 1 ? 0 : Math.min(LAST_BUCKET, Math.floor(Math.log(pressure) / LOG_STEP));
}
