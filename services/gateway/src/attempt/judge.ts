import type { UpstreamAnswer, UpstreamFailureReason } from '@switchyard/contracts';
import type { BackoffReason } from '../choice/back-offs.ts';
import { quotaFromHeaders, tellsQuota } from '../choice/read-quota.ts';
import { PASSED_ON, policyFor, statusOfEvent } from './policy.ts';
import type { AttemptFacts } from './policy.ts';
import { single } from './upstream-headers.ts';
import { waitHint } from './wait-hint.ts';

/** What an answer or a failure means for the request and for the account. */
export interface Judgement {
  /** What follows for the request. */
  readonly policy: ReturnType<typeof policyFor>;
  readonly backoff: BackoffReason | null;
  /** Seconds that the account is to be left alone, when the upstream said so; the table of back-offs decides otherwise. */
  readonly retryAfterS: number | null;
  readonly code: string | null;
}

/** As much of an error body as is read to find out what it means. */
export const JUDGED_BYTES = 65_536;

/** The name of the limit that all models of an account share. */
const ACCOUNT_LIMIT = 'codex';

const SERVED: Judgement = { policy: PASSED_ON, backoff: null, retryAfterS: null, code: null };

/**
 * Statuses whose body has to be read before it can be said what they mean.
 * @param isOwned  Only the owner may answer: then it matters which 400 or 404 it is.
 */
export function needsBody(status: number, isOwned: boolean): boolean {
  return status === 401 || status === 402 || status === 403 || status === 429 || status >= 500 || (isOwned && (status === 400 || status === 404));
}

/**
 * Judges a whole answer by the table.
 * @param body         Its first `JUDGED_BYTES`, when `needsBody` says so; else null.
 * @param wallClockMs  Epoch milliseconds; some upstreams name the moment at which they serve again.
 */
export function judgeAnswer(answer: Pick<UpstreamAnswer, 'status' | 'headers'>, body: Buffer | null, wallClockMs: number): Judgement {
  const { status } = answer;
  if (status < 400) return SERVED;
  return judged(status, errorIn(parsed(body?.toString())), answer.headers, wallClockMs);
}

/**
 * Judges an error event that stands where a stream should begin.
 * @param data  The JSON of `response.failed`, `error`, or a chat chunk that is an error.
 */
export function judgeEvent(data: string, wallClockMs: number): Judgement {
  const error = errorIn(parsed(data));
  return judged(statusOfEvent({ code: word(error.code), type: word(error.type) }), error, null, wallClockMs);
}

/** Judges an attempt that got no answer, or a stream that was over before it had said anything. */
export function judgeFailure(failure: UpstreamFailureReason | 'ended'): Judgement {
  const policy = policyFor({ status: null, failure, code: null, type: null });
  return { policy, backoff: policy.backoff, retryAfterS: null, code: null };
}

type Loose = Readonly<Record<string, unknown>>;

function judged(status: number, error: Loose, headers: UpstreamAnswer['headers'] | null, wallClockMs: number): Judgement {
  const facts: AttemptFacts = { status, failure: null, code: word(error.code), type: word(error.type) };
  const policy = policyFor(facts);
  const code = facts.code ?? facts.type;
  const backoff = policy.backoff === 'quota' && headers !== null && isOfOneModel(headers, wallClockMs) ? 'model_quota' : policy.backoff;
  // A credential or an account that is refused does not come back by waiting as long as somebody says.
  if (backoff === null || backoff === 'auth' || backoff === 'forbidden') return { policy, backoff, retryAfterS: null, code };
  const hint = waitHint({ resetsInS: error.resets_in_seconds, resetsAtS: error.resets_at, message: error.message }, headers, wallClockMs);
  return { policy, backoff, retryAfterS: hint, code };
}

/**
 * Whether a refusal names another limit than that of the account, of which it shows that there is some left (codex-protocol section 6): then it
 * is of the model that was asked for alone.
 */
function isOfOneModel(headers: UpstreamAnswer['headers'], wallClockMs: number): boolean {
  const limit = single(headers, 'x-codex-active-limit');
  if (limit === null || limit === ACCOUNT_LIMIT || !tellsQuota(headers)) return false;
  const told = quotaFromHeaders(headers, wallClockMs);
  return told !== null && (told.short?.usedPercent ?? 0) < 100 && (told.weekly?.usedPercent ?? 0) < 100;
}

function parsed(text: string | undefined): unknown {
  if (text === undefined || text === '') return null;
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** The error of `{error: {…}}`, of `{detail: {…}}` as the ChatGPT backend has it, of a failed response, or of an `error` event. */
function errorIn(value: unknown): Loose {
  if (!isObject(value)) return {};
  const found = isObject(value.response) ? value.response.error : (value.error ?? value.detail);
  if (isObject(found)) return found;
  return value.type === 'error' ? { ...value, type: null } : {};
}

function isObject(value: unknown): value is Loose {
  return typeof value === 'object' && value !== null;
}

function word(value: unknown): string | null {
  // It ends up in rows and reports: a code is a short printable word, and what is not is no code.
  return typeof value === 'string' && /^[\x20-\x7e]{1,100}$/.test(value) ? value : null;
}
