import type { Heuristic, UpstreamFailureReason } from '@switchyard/contracts';
import type { PolicyName } from '../attempt/policy.ts';
import { wholeAffinity } from '../bindings/record-affinity.ts';
import type { RecordedAffinity } from '../bindings/record-affinity.ts';
import type { BackoffReason } from '../choice/back-offs.ts';
import { bandOf, readFigures } from '../choice/candidate-figures.ts';
import type { CandidateFigures, StoredFigures } from '../choice/candidate-figures.ts';
import type { Skips } from '../choice/choose-account.ts';
import { heuristicsWhere } from '../choice/heuristics.ts';
import type { Heuristics } from '../choice/heuristics.ts';
import { DEFAULT_POOL } from '../choice/pool.ts';
import type { StrategyName } from '../choice/strategies.ts';
import type { LookedIn, UnservedReason } from '../choice/unserved.ts';
import { whatDecided, whatKept } from '../choice/what-decided.ts';

/**
 * Why this account: by the table of choice; as the owner of the conversation, for the first time or again; because the conversation should
 * stay where it is; because it may have the prompt in its cache; again because no other was left; because the socket of the turns before
 * leads to it; again with a credential that was renewed meanwhile; or as the first to have room again, all being full.
 */
export type ChosenBy = 'choice' | 'owner' | 'owner_again' | 'kept' | 'cache' | 'only_one_left' | 'open_socket' | 'renewed' | 'freed';

/**
 * One attempt at an account, as the decision record keeps it. What is left out has its usual value: nothing skipped, not least bad, no
 * failure, no code, passed on, no back-off, no wait; `wholeAttempt` puts it back.
 */
export interface AttemptRecord {
  readonly account_id: string;
  readonly account: string;
  readonly chosen_by: ChosenBy;
  /** How many accounts serve the model, and why some of them were passed over. */
  readonly candidates: number;
  readonly skipped?: Skips | undefined;
  /** Every candidate that had quota was left alone for a while; this one is back soonest. */
  readonly least_bad?: true | undefined;
  /** Attempts that the account had in progress when it was chosen. */
  readonly in_flight: number;
  /** What the candidates looked like, best first: all of up to 16, else the eight best. Left out when there was only one. */
  readonly figures?: readonly StoredFigures[] | undefined;
  /** Who would have been chosen, had it not gone back to an account that it prefers; left out when it is the same one. */
  instead?: string | undefined;
  /** The pool that stood in for the request's own, and its strategy when it is another. */
  pool?: string | undefined;
  strategy?: StrategyName | undefined;
  /** The model that the account was asked for, when it is not the one that the client asked for. */
  sent_model?: string | undefined;
  /** Milliseconds after the start of the request. */
  readonly started_ms: number;
  /** Milliseconds that were waited before it, on top of what came before. */
  readonly waited_ms?: number | undefined;
  status?: number | undefined;
  failure?: UpstreamFailureReason | undefined;
  /** What the failure was and where, in words. */
  failure_detail?: string | undefined;
  /** The error code of the upstream's answer, when it decided what happened next. */
  upstream_code?: string | undefined;
  /** The row of the table that decided what followed. */
  policy?: PolicyName | undefined;
  /** What became of the attempt. */
  verdict: 'relayed' | 'next_account' | 'same_account' | 'gave_up' | 'in_progress';
  backoff?: BackoffReason | undefined;
}

/** Why a request went where it went: kept with its row in the request log. */
export interface DecisionRecord {
  /** Version of the account table that the choice was made from. */
  readonly snapshot: number;
  /** Left out for `default`. */
  readonly pool?: string | undefined;
  /** Left out for `balance`. */
  readonly strategy?: StrategyName | undefined;
  /** Heuristics that did not count; left out when all did. */
  readonly off?: readonly Heuristic[] | undefined;
  /** The model that the asked one stands for; left out when it is no alias. */
  readonly alias_for?: string | undefined;
  readonly attempts: AttemptRecord[];
  /** Left out when it continued nothing that was known. Put in where the row is made. */
  readonly affinity?: RecordedAffinity | undefined;
  /** Why no other was tried though one could have been: the request's own budget, or that of all retries. */
  stopped_by?: 'budget' | 'retry_budget' | undefined;
  /** Why it was sent to nobody; left out when it was refused for something else, or not at all. */
  readonly unserved?: UnservedRecord | undefined;
}

/** Why there was no account for a request. */
interface UnservedRecord {
  readonly reason: UnservedReason;
  /** The account that it hung on: the owner of the conversation, or the one that needs a login. */
  readonly account?: string | undefined;
  /** When the first of those who could serve it has quota again, epoch milliseconds. */
  readonly back_at_ms?: number | undefined;
  readonly looked_in?: readonly LookedIn[] | undefined;
}

function wholeUnserved({ reason, account, back_at_ms: backAtMs, looked_in: lookedIn = [] }: UnservedRecord): object {
  return {
    reason,
    account: account ?? null,
    back_at: backAtMs === undefined ? null : new Date(backAtMs).toISOString(),
    looked_in: lookedIn.map(({ pool, candidates, skipped }) => ({ pool, candidates, skipped: skipped ?? {} })),
  };
}

function wholeAttempt({ instead, ...attempt }: AttemptRecord, decision: DecisionRecord): object {
  const strategy = attempt.strategy ?? decision.strategy ?? 'balance';
  const figures = (attempt.figures ?? []).map(readFigures);
  const { chosen_by: by } = attempt;
  return {
    ...attempt,
    pool: attempt.pool ?? decision.pool ?? DEFAULT_POOL,
    strategy,
    decided_by: by === 'choice' ? whatDecided(figures, strategy, countedIn(decision)) : by === 'kept' || by === 'cache' ? whatKept(by, instead ?? null) : [],
    sent_model: attempt.sent_model ?? null,
    skipped: attempt.skipped ?? {},
    least_bad: attempt.least_bad ?? false,
    waited_ms: attempt.waited_ms ?? 0,
    figures: figures.map(shownFigures),
    left_out: leftOut(attempt.candidates, figures),
    status: attempt.status ?? null,
    failure: attempt.failure ?? null,
    failure_detail: attempt.failure_detail ?? null,
    upstream_code: attempt.upstream_code ?? null,
    policy: attempt.policy ?? 'passed_on',
    backoff: attempt.backoff ?? null,
  };
}

/** How many candidates there were besides those whose figures are told; 0 where none were compared. */
export function leftOut(candidates: number, told: readonly unknown[]): number {
  return told.length === 0 ? 0 : candidates - told.length;
}

/** The heuristics that counted in a decision. */
export function countedIn({ off = [] }: Pick<DecisionRecord, 'off'>): Heuristics {
  return heuristicsWhere((name) => !off.includes(name));
}

/** A decision with every field, as the API shows it. */
export function wholeDecision(decision: DecisionRecord): object {
  const { snapshot, pool, off, alias_for, attempts, affinity, stopped_by, unserved } = decision;
  return {
    snapshot,
    pool: pool ?? DEFAULT_POOL,
    switched_off: off ?? [],
    alias_for: alias_for ?? null,
    attempts: attempts.map((attempt) => wholeAttempt(attempt, decision)),
    affinity: affinity === undefined ? null : wholeAffinity(affinity),
    stopped_by: stopped_by ?? null,
    unserved: unserved === undefined ? null : wholeUnserved(unserved),
  };
}

/** Figures of a candidate with names and units that people and scripts read. */
export interface ShownFigures {
  readonly account: string;
  readonly standing: string;
  readonly back_in_ms: number;
  readonly priority: number;
  readonly band: string;
  readonly pressure: number;
  readonly remembered: boolean;
  readonly in_flight: number;
  readonly health: number;
  readonly latency: number;
  readonly bad_pairing: number;
  readonly used_percent: number;
  readonly reset_at: string | null;
  readonly last_chosen: number;
}

export function shownFigures(figures: CandidateFigures): ShownFigures {
  return {
    account: figures.account,
    standing: figures.standing,
    back_in_ms: figures.back_in_ms,
    priority: figures.priority,
    band: bandOf(figures),
    pressure: figures.bucket,
    remembered: figures.remembered === 1,
    in_flight: figures.in_flight,
    health: figures.health,
    latency: figures.latency,
    bad_pairing: figures.pairing,
    used_percent: figures.used / 10,
    reset_at: figures.reset_at_s === 0 ? null : new Date(figures.reset_at_s * 1_000).toISOString(),
    last_chosen: figures.last_chosen,
  };
}
