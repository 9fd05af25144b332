import type { UpstreamFailureReason } from '@switchyard/contracts';
import type { SkipReason } from '../choice/choose-account.ts';
import type { BackoffReason } from '../choice/live-figures.ts';

/** Why this account: by the table of choice, as the owner of the conversation, or again because no other was left. */
export type ChosenBy = 'choice' | 'owner' | 'only_one_left';

/**
 * One attempt at an account, as the decision record keeps it. What is left out has its usual value: nothing skipped, not least bad, no
 * failure, no code, no back-off; `wholeAttempt` puts it back.
 */
export interface AttemptRecord {
  readonly account_id: string;
  readonly account: string;
  readonly chosen_by: ChosenBy;
  /** How many accounts serve the model, and why some of them were passed over. */
  readonly candidates: number;
  readonly skipped?: Readonly<Partial<Record<SkipReason, number>>> | undefined;
  /** Every candidate was backing off; this one is back soonest. */
  readonly least_bad?: true | undefined;
  /** Attempts that the account had in progress when it was chosen. */
  readonly in_flight: number;
  /** Milliseconds after the start of the request. */
  readonly started_ms: number;
  status?: number | undefined;
  failure?: UpstreamFailureReason | undefined;
  /** The error code of the upstream's answer, when it decided what happened next. */
  upstream_code?: string | undefined;
  /** What became of the attempt. */
  verdict: 'relayed' | 'next_account' | 'gave_up' | 'in_progress';
  backoff?: BackoffReason | undefined;
}

/** Why a request went where it went: kept with its row in the request log. */
export interface DecisionRecord {
  /** Version of the account table that the choice was made from. */
  readonly snapshot: number;
  readonly attempts: AttemptRecord[];
}

/** An attempt with every field, as the API shows it. */
export function wholeAttempt(attempt: AttemptRecord): object {
  return {
    ...attempt,
    skipped: attempt.skipped ?? {},
    least_bad: attempt.least_bad ?? false,
    status: attempt.status ?? null,
    failure: attempt.failure ?? null,
    upstream_code: attempt.upstream_code ?? null,
    backoff: attempt.backoff ?? null,
  };
}
