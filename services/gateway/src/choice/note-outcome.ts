import type { UpstreamFailureReason } from '@switchyard/contracts';
import type { BackoffReason } from './back-offs.ts';
import type { HealthEvent } from './health.ts';
import type { LiveFigures } from './live-figures.ts';

/** What an answer or a failure was judged to mean for the account. */
export interface JudgedAttempt {
  readonly backoff: BackoffReason | null;
  readonly code: string | null;
  /** Seconds that the upstream asked to wait, when it did. */
  readonly retryAfterS: number | null;
}

/** The code by which upstreams name a limit by the minute. */
const SHORT_LIMIT = 'rate_limit_exceeded';

/**
 * Takes what an attempt has shown into the figures of its account. A client's leaving shows nothing, and an answer that is only about the
 * request shows that the account works; but neither says anything of a quota.
 * @param status       Null when there was no answer.
 * @param firstByteMs  From the attempt to the head of its answer.
 * @see product section 3
 */
export function noteOutcome(
  live: LiveFigures,
  slot: number,
  lane: number,
  status: number | null,
  failure: UpstreamFailureReason | null,
  { backoff, code, retryAfterS }: JudgedAttempt,
  firstByteMs: number,
): void {
  if (failure === 'aborted') return;
  const waitMs = retryAfterS === null ? null : retryAfterS * 1_000;
  if (backoff === 'quota') {
    live.block(slot, waitMs, code === SHORT_LIMIT);
    return;
  }
  // Of its other models it says nothing.
  if (backoff === 'model_quota') return;
  const event = eventOf(failure, status, backoff);
  if (event !== null) live.failed(slot, lane, event, backoff, waitMs);
  else live.succeeded(slot, lane, status !== null && status < 300 ? firstByteMs : null);
}

function eventOf(failure: UpstreamFailureReason | null, status: number | null, backoff: BackoffReason | null): HealthEvent | null {
  if (failure === 'connect' || failure === 'connect_timeout') return 'connect';
  if (failure !== null) return 'transport';
  switch (backoff) {
    case 'auth':
    case 'overload':
    case 'forbidden':
      return backoff;
    // A stream that was over before it had said anything is an answer, too.
    case 'transport':
    case 'server_error':
      return 'transport';
    default:
      return status === 403 ? 'forbidden' : null;
  }
}
