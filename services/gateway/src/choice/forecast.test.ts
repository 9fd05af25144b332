import fc from 'fast-check';
import { expect, test } from 'vitest';
import { forecast } from './forecast.ts';
import type { AccountForecast, Forecast, WindowForecast } from './forecast.ts';

const NOW = 1_800_000_000_000;
const HOUR = 3_600_000;

/** @param pace  Percent by hour. @param resetH  Hours until its reset. */
const window = (left: number, pace: number | null, resetH: number, full = 100): WindowForecast => ({
  left,
  full,
  resetAtMs: NOW + resetH * HOUR,
  pace: pace === null ? null : pace / HOUR,
});
const account = (short: WindowForecast | null, weekly: WindowForecast | null = null, more: Partial<AccountForecast> = {}): AccountForecast => ({
  short,
  weekly,
  blockedUntilMs: 0,
  seenAtMs: NOW,
  ...more,
});

/** In words, with hours from now. */
function told(accounts: readonly AccountForecast[]): string {
  const found = forecast(accounts, NOW);
  const hours = (atMs: number): string => String(Math.round(((atMs - NOW) / HOUR) * 100) / 100);
  if (found.outlook === 'dry') return `dry, back ${hours(found.backAtMs)}`;
  return found.outlook === 'runs_dry' ? `dry ${hours(found.dryAtMs)}, back ${hours(found.backAtMs)}` : found.outlook;
}

test.each([
  { of: 'no account', accounts: [], is: 'unknown' },
  { of: 'an account that never told', accounts: [account(null)], is: 'unknown' },
  { of: 'one that tells beside one that never told', accounts: [account(window(10, 10, 5)), account(null)], is: 'unknown' },
  { of: 'one whose pace is not known', accounts: [account(window(10, null, 5))], is: 'unknown' },
  { of: 'one whose pace is known beside one whose is not', accounts: [account(window(10, 10, 5)), account(window(10, null, 5))], is: 'unknown' },
  { of: 'accounts that were not heard of for an hour', accounts: [account(window(10, 0, 5), null, { seenAtMs: NOW - HOUR - 1 })], is: 'unknown' },
  { of: 'one that runs out before its reset', accounts: [account(window(50, 25, 4))], is: 'dry 2, back 4' },
  { of: 'one that is full again before', accounts: [account(window(50, 10, 4))], is: 'lasts' },
  { of: 'one that is idle', accounts: [account(window(50, 0, 4))], is: 'lasts' },
  { of: 'the week that ends first', accounts: [account(window(50, 10, 4), window(5, 2, 100))], is: 'dry 2.5, back 100' },
  { of: 'the short window that ends first', accounts: [account(window(50, 50, 4), window(90, 5, 100))], is: 'dry 1, back 4' },
  { of: 'an idle one that takes over', accounts: [account(window(20, 20, 4)), account(window(20, 0, 3))], is: 'dry 2, back 3' },
  { of: 'a reset that comes in time', accounts: [account(window(20, 20, 0.5)), account(window(20, 20, 4))], is: 'dry 3.25, back 4' },
  { of: 'one that is out until the other is', accounts: [account(window(0, 20, 4)), account(window(20, 20, 3))], is: 'dry 0.5, back 3' },
  {
    of: 'one whose block ends in time',
    accounts: [account(window(60, 20, 9), null, { blockedUntilMs: NOW + HOUR / 4 }), account(window(20, 20, 9))],
    is: 'dry 2, back 9',
  },
  { of: 'all of them out', accounts: [account(window(0, 20, 4)), account(window(0, 20, 3))], is: 'dry, back 3' },
  { of: 'all of them blocked, with nothing else known', accounts: [account(null, null, { blockedUntilMs: NOW + HOUR })], is: 'dry, back 1' },
  { of: 'a week that is used up, with a short window that is not', accounts: [account(window(90, 1, 1), window(0, 1, 50))], is: 'dry, back 50' },
  { of: 'a window that has not begun', accounts: [account(window(100, 0, -1))], is: 'lasts' },
  {
    of: 'a window that only one of them has',
    accounts: [account(window(1, 50, 9), window(50, 1, 100)), account(null, window(50, 1, 90))],
    is: 'dry 50, back 90',
  },
])('the forecast of $of is: $is', ({ accounts, is }) => {
  expect(told(accounts)).toBe(is);
});

const windows = fc.record({
  left: fc.integer({ min: 0, max: 90 }),
  full: fc.integer({ min: 90, max: 100 }),
  resetAtMs: fc.integer({ min: NOW - HOUR, max: NOW + 100 * HOUR }),
  pace: fc.option(fc.double({ min: 0, max: 100 / HOUR, noNaN: true }), { freq: 10 }),
});
const accounts = fc.array(
  fc.record({
    short: fc.option(windows),
    weekly: fc.option(windows, { freq: 20 }),
    blockedUntilMs: fc.constantFrom(0, NOW - 1, NOW + HOUR),
    seenAtMs: fc.constantFrom(NOW, NOW, NOW - 2 * HOUR),
  }),
  { maxLength: 5 },
);
const dryFrom = (found: Forecast): number => (found.outlook === 'dry' ? NOW : found.outlook === 'runs_dry' ? found.dryAtMs : Infinity);

test('a pool that runs dry does so from now on, and is back after that', () => {
  fc.assert(
    fc.property(accounts, (pool) => {
      const found = forecast(pool, NOW);
      if (found.outlook === 'runs_dry') {
        expect(found.dryAtMs).toBeGreaterThanOrEqual(NOW);
        expect(found.backAtMs).toBeGreaterThan(found.dryAtMs);
      }
      if (found.outlook === 'dry') expect(found.backAtMs).toBeGreaterThan(NOW);
    }),
  );
});

/** No forecast looks further than until each account is open or full again, and one more may be so later than the others. */
function lookedUntil(pool: readonly AccountForecast[]): number {
  const until = ({ blockedUntilMs, ...windowsOf }: AccountForecast, kind: 'short' | 'weekly'): number => {
    const usedUp = [windowsOf.short, windowsOf.weekly].map((each) => (each !== null && each.left <= 0 ? each.resetAtMs : 0));
    const shutUntilMs = Math.max(blockedUntilMs, ...usedUp);
    return shutUntilMs > NOW ? shutUntilMs : (windowsOf[kind]?.resetAtMs ?? 0);
  };
  return Math.min(...(['short', 'weekly'] as const).map((kind) => Math.max(NOW, ...pool.map((each) => until(each, kind)))));
}

test('the order of the accounts changes nothing, and one that is full and idle never brings the end nearer', () => {
  const idle = account(window(100, 0, 200), window(100, 0, 200));
  fc.assert(
    fc.property(accounts, (pool) => {
      const alone = forecast(pool, NOW);
      const reversed = forecast([...pool].reverse(), NOW);
      expect(reversed.outlook).toBe(alone.outlook);
      if (alone.outlook === 'runs_dry') expect(dryFrom(reversed)).toBeCloseTo(alone.dryAtMs, 0);
      if (alone.outlook !== 'unknown') expect(dryFrom(forecast([...pool, idle], NOW))).toBeGreaterThanOrEqual(Math.min(dryFrom(alone), lookedUntil(pool)));
    }),
  );
});

test('where nothing is used nothing runs dry', () => {
  fc.assert(
    fc.property(accounts, (pool) => {
      const still = pool.map(({ short, weekly, ...rest }) => ({ ...rest, short: short && { ...short, pace: 0 }, weekly: weekly && { ...weekly, pace: 0 } }));
      expect(forecast(still, NOW).outlook).not.toBe('runs_dry');
    }),
  );
});
