import type { LaneFamily } from './lanes.ts';

/** How full a quota is, in the order of choice: an account of an earlier band goes first (product section 3). */
export const BANDS = ['ready', 'thin', 'unknown', 'critical', 'exhausted'] as const;
export type Band = (typeof BANDS)[number];

/** Percent left at or below which a window is critical or thin, whatever it is asked for. */
const WINDOW_EDGES = { critical: 5, thin: 15 } as const;

/** Percent left at or below which an account is critical or thin for a family of lanes. */
const ROUTE_EDGES = [
  { critical: { weekly: 10, short: 5 }, thin: { weekly: 20, short: 10 } },
  { critical: { weekly: 5, short: 3 }, thin: { weekly: 10, short: 5 } },
] as const;

/** Band of one window, for people. */
export function windowBand(leftPercent: number): Band {
  if (leftPercent <= 0) return 'exhausted';
  if (leftPercent <= WINDOW_EDGES.critical) return 'critical';
  return leftPercent <= WINDOW_EDGES.thin ? 'thin' : 'ready';
}

/**
 * Band of an account that has windows, for a family of lanes.
 * @param weekly  Percent left; null when this window is not known. One that is known decides alone; with none it is `unknown`.
 */
export function routeBand(weekly: number | null, short: number | null, family: LaneFamily): Band {
  if (weekly === null && short === null) return 'unknown';
  const weeklyLeft = weekly ?? 100;
  const shortLeft = short ?? 100;
  if (weeklyLeft <= 0 || shortLeft <= 0) return 'exhausted';
  const { critical, thin } = ROUTE_EDGES[family];
  if (weeklyLeft <= critical.weekly || shortLeft <= critical.short) return 'critical';
  return weeklyLeft <= thin.weekly || shortLeft <= thin.short ? 'thin' : 'ready';
}
