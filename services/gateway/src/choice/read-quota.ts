import type { AnswerHeaders } from '@switchyard/contracts';

/** One window of a quota as an upstream tells it. */
export interface WindowReading {
  readonly usedPercent: number;
  /** Seconds; null when it was not told. */
  readonly windowS: number | null;
  /** Unix seconds; null when it was not told. */
  readonly resetAtS: number | null;
}

/** What was heard of a quota at one moment. Null is no news. */
export interface QuotaReading {
  readonly source: 'header' | 'event' | 'poll' | 'stored';
  /** Wall clock, milliseconds. */
  readonly atMs: number;
  /** Shorter than a day, as a rule five hours. */
  readonly short: WindowReading | null;
  readonly weekly: WindowReading | null;
  readonly planType: string | null;
}

const DAY_S = 86_400;
const MAX_PLAN = 40;

/** Whether an answer tells of a quota: the one look that answers without one pay for. */
export function tellsQuota(headers: AnswerHeaders): boolean {
  return headers['x-codex-primary-used-percent'] !== undefined;
}

/**
 * The quota in the headers of an answer; null when what they say is no number.
 * @see codex-protocol section 6
 */
export function quotaFromHeaders(headers: AnswerHeaders, wallClockMs: number): QuotaReading | null {
  const primary = headerWindow(headers, 'x-codex-primary');
  const secondary = headerWindow(headers, 'x-codex-secondary');
  if (primary === null && secondary === null) return null;
  return { source: 'header', atMs: wallClockMs, ...byLength(primary, secondary), planType: null };
}

/** The quota in the data of a `codex.rate_limits` event; null when it is none. */
export function quotaFromEvent(json: string, wallClockMs: number): QuotaReading | null {
  let event: Loose | null;
  try {
    event = JSON.parse(json) as Loose | null;
  } catch {
    return null;
  }
  const limits = event?.['rate_limits'];
  if (event?.['type'] !== 'codex.rate_limits' || typeof limits !== 'object' || limits === null) return null;
  return {
    source: 'event',
    atMs: wallClockMs,
    ...byLength(eventWindow((limits as Loose)['primary']), eventWindow((limits as Loose)['secondary'])),
    planType: planIn(event['plan_type']),
  };
}

/** The quota in the body of `wham/usage`; null when it tells none. @see codex-protocol section 6 */
export function quotaFromUsage(json: string, wallClockMs: number): QuotaReading | null {
  let body: Loose | null;
  try {
    body = JSON.parse(json) as Loose | null;
  } catch {
    return null;
  }
  const limit = body?.['rate_limit'];
  if (typeof limit !== 'object' || limit === null) return null;
  const primary = usageWindow((limit as Loose)['primary_window']);
  const secondary = usageWindow((limit as Loose)['secondary_window']);
  if (primary === null && secondary === null) return null;
  return { source: 'poll', atMs: wallClockMs, ...byLength(primary, secondary), planType: planIn(body!['plan_type']) };
}

type Loose = Readonly<Record<string, unknown>>;

function planIn(plan: unknown): string | null {
  return typeof plan === 'string' && /^[\x20-\x7e]+$/.test(plan) ? plan.slice(0, MAX_PLAN) : null;
}

/** Windows are told apart by their length, since an account may have only the long one, and by their place when none was told. */
function byLength(primary: WindowReading | null, secondary: WindowReading | null): Pick<QuotaReading, 'short' | 'weekly'> {
  const primaryIsLong = (primary?.windowS ?? 0) >= DAY_S;
  const secondaryIsLong = (secondary?.windowS ?? DAY_S) >= DAY_S;
  return {
    short: primary !== null && !primaryIsLong ? primary : secondaryIsLong ? null : secondary,
    weekly: secondary !== null && secondaryIsLong ? secondary : primaryIsLong ? primary : null,
  };
}

function headerWindow(headers: AnswerHeaders, name: string): WindowReading | null {
  const used = headerNumber(headers[`${name}-used-percent`]);
  if (used === null) return null;
  const minutes = headerNumber(headers[`${name}-window-minutes`]);
  return { usedPercent: used, windowS: minutes === null || minutes === 0 ? null : minutes * 60, resetAtS: headerNumber(headers[`${name}-reset-at`]) };
}

function headerNumber(value: string | readonly string[] | undefined): number | null {
  const text = typeof value === 'string' ? value : value?.[0];
  return text === undefined || text.trim() === '' ? null : sound(Number(text));
}

function eventWindow(value: unknown): WindowReading | null {
  if (typeof value !== 'object' || value === null) return null;
  const fields = value as Loose;
  const used = sound(fields['used_percent']);
  if (used === null) return null;
  const minutes = sound(fields['window_minutes']);
  return { usedPercent: used, windowS: minutes === null || minutes === 0 ? null : minutes * 60, resetAtS: sound(fields['reset_at']) };
}

function usageWindow(value: unknown): WindowReading | null {
  if (typeof value !== 'object' || value === null) return null;
  const fields = value as Loose;
  const used = sound(fields['used_percent']);
  if (used === null) return null;
  const length = sound(fields['limit_window_seconds']);
  return { usedPercent: used, windowS: length === 0 ? null : length, resetAtS: sound(fields['reset_at']) };
}

function sound(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : null;
}
