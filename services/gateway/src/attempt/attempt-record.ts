import { SwitchyardError } from '@switchyard/contracts';
import type { UpstreamFailure } from '@switchyard/contracts';
import type { Account } from '../choice/account.ts';
import type { Choice } from '../choice/choose-account.ts';
import type { StoredFigures } from '../choice/candidate-figures.ts';
import type { LiveFigures } from '../choice/live-figures.ts';
import { DEFAULT_POOL } from '../choice/pool.ts';
import type { Pool } from '../choice/pool.ts';
import type { Taken } from '../exchange.ts';
import type { AttemptRecord, ChosenBy, DecisionRecord } from '../settle/decision.ts';

/**
 * The line of an attempt that begins now.
 * @param figures    What the candidates looked like; undefined when there was only one.
 * @param startedMs  Milliseconds after the start of the request.
 * @param waitedMs   Milliseconds that were waited before it.
 */
export function openRecord(
  account: Account,
  choice: Choice,
  chosenBy: ChosenBy,
  inFlight: number,
  figures: readonly StoredFigures[] | undefined,
  startedMs: number,
  waitedMs: number,
): AttemptRecord {
  return {
    account_id: account.id,
    account: account.name,
    chosen_by: chosenBy,
    candidates: choice.candidates,
    skipped: choice.skipped,
    least_bad: choice.leastBad || undefined,
    in_flight: inFlight,
    figures,
    instead: undefined,
    pool: undefined,
    strategy: undefined,
    sent_model: undefined,
    started_ms: roundMs(startedMs),
    waited_ms: waitedMs || undefined,
    verdict: 'in_progress',
    // All fields at once: one added later moves the record to a larger place in memory.
    status: undefined,
    failure: undefined,
    failure_detail: undefined,
    upstream_code: undefined,
    policy: undefined,
    backoff: undefined,
  };
}

/** The decision of a request that is sent to a pool now. */
export function openDecision({ model, facts }: Taken, { name, members }: Pool, live: LiveFigures, attempts: AttemptRecord[]): DecisionRecord {
  return {
    snapshot: members.version,
    pool: name === DEFAULT_POOL ? undefined : name,
    strategy: live.orderOf(members).recordedStrategy,
    off: live.switchedOff,
    alias_for: model === null || model === facts!.model ? undefined : model,
    attempts,
    stopped_by: undefined,
  };
}

/** Notes from which pool an account was chosen, when it is one that stands in for the request's own. */
export function noteStandIn(record: AttemptRecord, own: Pool, { id }: Account, live: LiveFigures): void {
  if (own.members.byId.has(id)) return;
  const { name, members } = own.fallback!.find((pool) => pool.members.byId.has(id))!;
  record.pool = name;
  record.strategy = live.orderOf(members).strategy;
}

/** Milliseconds to the microsecond, as records keep them. */
export function roundMs(ms: number): number {
  return Math.round(ms * 1_000) / 1_000;
}

/** What the client is told when every attempt has ended without an answer. */
export function nobodyAnswered(attempts: number, failure: UpstreamFailure): SwitchyardError {
  return new SwitchyardError(
    'upstream_unreachable',
    `No account answered; ${attempts === 1 ? 'the only attempt' : `the last of ${attempts} attempts`} ended with: ${failure.message}.`,
    { cause: failure },
  );
}
