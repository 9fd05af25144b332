import type { AnswerHeaders, UpstreamAnswer, UpstreamFailureReason } from '@switchyard/contracts';
import type { BackoffReason } from '../choice/live-figures.ts';
import { single } from './upstream-headers.ts';

/** What an answer or a failure means for the request and for the account. */
export interface Judgement {
  /** `relay`: this answer is the client's. `next`: another account may be tried while nothing has been sent. */
  readonly verdict: 'relay' | 'next';
  readonly backoff: BackoffReason | null;
  /** Seconds that the upstream asked to wait, when it did. */
  readonly retryAfterS: number | null;
  readonly code: string | null;
}

// Codes and types by which upstreams say that the account, not the request, is out of allowance (product section 2).
const QUOTA = new Set([
  'insufficient_quota',
  'quota_exhausted',
  'quota_exceeded',
  'resource_exhausted',
  'rate_limit_exceeded',
  'usage_limit_reached',
  'usage_not_included',
  'credit_balance_exhausted',
]);
const DEACTIVATED = new Set(['deactivated_workspace', 'account_deactivated', 'billing_not_active']);
const OVERLOAD = new Set(['server_is_overloaded', 'slow_down']);

/** Statuses whose body has to be read before it can be said what they mean. */
export function needsBody(status: number): boolean {
  return status === 401 || status === 402 || status === 403 || status === 429 || status >= 500;
}

/**
 * Judges a whole answer. Everything not named here passes through unchanged: it is between the client and the upstream.
 * @param body         The first 64 KiB of it, when `needsBody` says so; else null.
 * @param wallClockMs  Epoch milliseconds; some upstreams name the moment at which they serve again.
 * @see product section 2, "What happens before commit"
 */
export function judgeAnswer(answer: Pick<UpstreamAnswer, 'status' | 'headers'>, body: Buffer | null, wallClockMs: number): Judgement {
  const { status } = answer;
  if (status === 401) return { verdict: 'next', backoff: 'auth', retryAfterS: null, code: null };
  if (!needsBody(status)) return { verdict: 'relay', backoff: null, retryAfterS: null, code: null };
  const { code, type, resetsInS, resetsAtS } = readError(body);
  const retryAfterS = bounded(resetsInS ?? (resetsAtS === null ? null : resetsAtS - wallClockMs / 1_000) ?? retryAfter(answer.headers));
  const named = code ?? type;
  if (status >= 500) return { verdict: 'next', backoff: has(OVERLOAD, code, type) ? 'overload' : 'server_error', retryAfterS, code: named };
  if (has(QUOTA, code, type)) return { verdict: 'next', backoff: 'quota', retryAfterS, code: named };
  if (has(DEACTIVATED, code, type)) return { verdict: 'next', backoff: 'forbidden', retryAfterS: null, code: named };
  return { verdict: 'relay', backoff: null, retryAfterS: null, code: named };
}

/** Judges an attempt that got no answer. */
export function judgeFailure(reason: UpstreamFailureReason): Judgement {
  return { verdict: 'next', backoff: reason === 'aborted' ? null : 'transport', retryAfterS: null, code: null };
}

function has(set: ReadonlySet<string>, code: string | null, type: string | null): boolean {
  return (code !== null && set.has(code)) || (type !== null && set.has(type));
}

interface ErrorFacts {
  readonly code: string | null;
  readonly type: string | null;
  readonly resetsInS: number | null;
  readonly resetsAtS: number | null;
}

type Loose = Readonly<Record<string, unknown>>;

/** Reads `{error: {…}}`, and the `{detail: {…}}` of the ChatGPT backend. */
function readError(body: Buffer | null): ErrorFacts {
  const error = errorObject(body);
  return { code: text(error.code), type: text(error.type), resetsInS: amount(error.resets_in_seconds), resetsAtS: amount(error.resets_at) };
}

function errorObject(body: Buffer | null): Loose {
  if (body === null || body.length === 0) return {};
  try {
    const parsed = JSON.parse(body.toString()) as { error?: unknown; detail?: unknown } | null;
    const found = parsed?.error ?? parsed?.detail;
    return typeof found === 'object' && found !== null ? (found as Loose) : {};
  } catch {
    return {};
  }
}

function text(value: unknown): string | null {
  // It ends up in rows and reports: a code is a short printable word, and what is not is no code.
  return typeof value === 'string' && /^[\x20-\x7e]{1,100}$/.test(value) ? value : null;
}

function amount(value: unknown): number | null {
  return typeof value === 'number' && value > 0 ? value : null;
}

/** A wait is believed up to the longest quota window, a month. */
function bounded(seconds: number | null): number | null {
  return seconds === null || seconds < 0 ? null : Math.min(seconds, 31 * 86_400);
}

/** `Retry-After` in seconds; the date form is ignored because it depends on a clock that is not ours. */
function retryAfter(headers: AnswerHeaders): number | null {
  const seconds = Number(single(headers, 'retry-after') ?? Number.NaN);
  return Number.isFinite(seconds) ? seconds : null;
}
