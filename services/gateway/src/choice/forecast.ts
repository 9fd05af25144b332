/** One window of an account's quota at one moment. Times on the wall clock, milliseconds. */
export interface WindowForecast {
  /** Percent left for new work, its reserve not counted. */
  readonly left: number;
  /** Percent left for new work after a reset. */
  readonly full: number;
  readonly resetAtMs: number;
  /** Percent by millisecond; null when that is not known yet. */
  readonly pace: number | null;
}

/** What a forecast is worked out from, of one account. Null windows were never told. */
export interface AccountForecast {
  readonly short: WindowForecast | null;
  readonly weekly: WindowForecast | null;
  /** End of a block; 0 when there is none. */
  readonly blockedUntilMs: number;
  /** When its quota was last heard of; 0 for never. */
  readonly seenAtMs: number;
}

/** When accounts have no quota left for new work. */
export type Forecast =
  /** Too little is known. */
  | { readonly outlook: 'unknown' }
  /** Not before each has been full again. */
  | { readonly outlook: 'lasts' }
  | { readonly outlook: 'runs_dry'; readonly dryAtMs: number; readonly backAtMs: number }
  | { readonly outlook: 'dry'; readonly backAtMs: number };

interface Refill {
  readonly atMs: number;
  /** Percent that there is more from then on. */
  readonly gain: number;
}

const HOUR_MS = 3_600_000;
const UNKNOWN: Forecast = { outlook: 'unknown' };
const LASTS: Forecast = { outlook: 'lasts' };

/**
 * When a pool runs dry at the present pace, and when it is back. Its accounts are taken together, since what one can no longer take the others
 * are given: a percent counts as the same work at each. Nothing is foretold while an account tells of no quota, while the pace of one is not
 * known, or when none has been heard of for an hour.
 * @see product section 3
 */
export function forecast(accounts: readonly AccountForecast[], nowMs: number): Forecast {
  if (accounts.length === 0) return UNKNOWN;
  const shut = accounts.map((account) => shutUntilMs(account, nowMs));
  if (shut.every((untilMs) => untilMs > nowMs)) return { outlook: 'dry', backAtMs: Math.min(...shut) };
  if (accounts.every(({ seenAtMs }) => nowMs - seenAtMs > HOUR_MS)) return UNKNOWN;
  const told = [accounts.map(({ short }) => short), accounts.map(({ weekly }) => weekly)].filter((windows) => windows.every((window) => window !== null));
  if (told.length === 0) return UNKNOWN;
  let soonest = LASTS;
  for (const windows of told) {
    const found = forecastWindows(windows, shut, nowMs);
    if (found.outlook === 'unknown') return found;
    if (found.outlook === 'runs_dry' && (soonest.outlook !== 'runs_dry' || found.dryAtMs < soonest.dryAtMs)) soonest = found;
  }
  return soonest;
}

/** One kind of window over all accounts: what is left together, used up by all, and given back at each reset. */
function forecastWindows(windows: readonly WindowForecast[], shut: readonly number[], nowMs: number): Forecast {
  let left = 0;
  let pace = 0;
  const refills: Refill[] = [];
  for (const [i, window] of windows.entries()) {
    if (window.pace === null) return UNKNOWN;
    pace += window.pace;
    const shutUntilMs = shut[i]!;
    if (shutUntilMs > nowMs) {
      refills.push({ atMs: shutUntilMs, gain: window.resetAtMs <= shutUntilMs ? window.full : window.left });
      continue;
    }
    left += window.left;
    const leftThen = Math.max(0, window.left - window.pace * (window.resetAtMs - nowMs));
    if (window.resetAtMs > nowMs) refills.push({ atMs: window.resetAtMs, gain: window.full - leftThen });
  }
  if (pace === 0) return LASTS;
  for (const { atMs, gain } of refills.sort((a, b) => a.atMs - b.atMs)) {
    // Whole milliseconds, as resets are: what is used up at the very moment of a reset does not run dry by a rounding error.
    const dryAtMs = Math.round(nowMs + left / pace);
    if (dryAtMs < atMs) return { outlook: 'runs_dry', dryAtMs, backAtMs: atMs };
    left += gain;
  }
  return LASTS;
}

/** Until when an account takes no new work: a block, or windows that are used up; 0 when it does. */
function shutUntilMs({ short, weekly, blockedUntilMs }: AccountForecast, nowMs: number): number {
  let untilMs = blockedUntilMs;
  for (const window of [short, weekly]) if (window !== null && window.left <= 0) untilMs = Math.max(untilMs, window.resetAtMs);
  return untilMs > nowMs ? untilMs : 0;
}
