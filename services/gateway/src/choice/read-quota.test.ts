import { expect, test } from 'vitest';
import { quotaFromEvent, quotaFromHeaders, quotaFromUsage, tellsQuota } from './read-quota.ts';

const AT = 1_800_000_000_000;
const SHORT = { usedPercent: 12.5, windowS: 18_000, resetAtS: 1_893_456_000 };
const WEEKLY = { usedPercent: 3, windowS: 604_800, resetAtS: 1_893_999_999 };

const headers = (name: string, used: string, minutes?: string, reset?: string): Record<string, string> => ({
  [`x-codex-${name}-used-percent`]: used,
  ...(minutes === undefined ? {} : { [`x-codex-${name}-window-minutes`]: minutes }),
  ...(reset === undefined ? {} : { [`x-codex-${name}-reset-at`]: reset }),
});

test('the windows of an answer are read from its headers', () => {
  const told = { ...headers('primary', '12.5', '300', '1893456000'), ...headers('secondary', '3', '10080', '1893999999') };
  expect(tellsQuota(told)).toBe(true);
  expect(quotaFromHeaders(told, AT)).toEqual({ source: 'header', atMs: AT, short: SHORT, weekly: WEEKLY, planType: null });
});

test('windows are told apart by their length, and by their place where that is missing', () => {
  expect(quotaFromHeaders(headers('primary', '3', '10080', '1893999999'), AT)).toMatchObject({ short: null, weekly: WEEKLY });
  expect(quotaFromHeaders({ ...headers('primary', '3', '10080', '1893999999'), ...headers('secondary', '12.5', '300', '1893456000') }, AT)).toMatchObject({
    short: SHORT,
    weekly: WEEKLY,
  });
  expect(quotaFromHeaders({ ...headers('primary', '1'), ...headers('secondary', '2') }, AT)).toMatchObject({
    short: { usedPercent: 1, windowS: null, resetAtS: null },
    weekly: { usedPercent: 2, windowS: null, resetAtS: null },
  });
});

test.each([{}, headers('primary', 'much'), headers('primary', ''), headers('primary', '-1'), headers('primary', 'Infinity')])('%j tells nothing', (told) => {
  expect(quotaFromHeaders(told, AT)).toBeNull();
});

test('an event tells the same, and null in it is no news', () => {
  const primary = { used_percent: 12.5, window_minutes: 300, reset_at: 1_893_456_000 };
  const event = { type: 'codex.rate_limits', plan_type: 'plus', rate_limits: { primary, secondary: null } };
  expect(quotaFromEvent(JSON.stringify(event), AT)).toEqual({ source: 'event', atMs: AT, short: SHORT, weekly: null, planType: 'plus' });
});

test('a poll tells the same, its windows by their length as well', () => {
  const window = (used: number, length: number, at: number): object => ({
    used_percent: used,
    limit_window_seconds: length,
    reset_after_seconds: 9,
    reset_at: at,
  });
  const body = (primary: unknown, secondary: unknown): string =>
    JSON.stringify({ plan_type: 'plus', rate_limit: { primary_window: primary, secondary_window: secondary } });
  const short = window(12.5, 18_000, 1_893_456_000);
  const weekly = window(3, 604_800, 1_893_999_999);
  expect(quotaFromUsage(body(short, weekly), AT)).toEqual({ source: 'poll', atMs: AT, short: SHORT, weekly: WEEKLY, planType: 'plus' });
  expect(quotaFromUsage(body(weekly, null), AT)).toMatchObject({ short: null, weekly: WEEKLY });
  expect(quotaFromUsage(body({ used_percent: 7 }, null), AT)).toMatchObject({ short: { usedPercent: 7, windowS: null, resetAtS: null } });
  for (const none of ['', 'null', '{}', '{"rate_limit":null}', body(null, null), body({ used_percent: 'much' }, null)])
    expect(quotaFromUsage(none, AT)).toBeNull();
});

test.each(['', '{', 'null', '[]', '{"type":"response.created"}', '{"type":"codex.rate_limits"}', '{"type":"codex.rate_limits","rate_limits":null}'])(
  '%s is no event that tells of a quota',
  (json) => {
    expect(quotaFromEvent(json, AT)).toBeNull();
  },
);
