import { SwitchyardError, UpstreamFailure } from '@switchyard/contracts';
import type { UpstreamAnswer, UpstreamRequest } from '@switchyard/contracts';
import type { Logger } from '@switchyard/observability';
import type { Account, Snapshot } from '../choice/account.ts';
import { chooseAccount } from '../choice/choose-account.ts';
import type { Choice } from '../choice/choose-account.ts';
import type { LiveFigures } from '../choice/live-figures.ts';
import type { Exchange } from '../exchange.ts';
import type { GatewayMetrics } from '../metrics.ts';
import type { AttemptRecord, ChosenBy } from '../settle/decision.ts';
import { collectBody } from './collect-body.ts';
import type { Collected } from './collect-body.ts';
import { judgeAnswer, judgeFailure, needsBody } from './judge.ts';
import type { Judgement } from './judge.ts';
import { upstreamHeaders } from './upstream-headers.ts';

/** Budgets that bound when a further attempt may start (product section 2): attempts, and time spent in attempts that reached somebody. */
const MAX_ATTEMPTS = 12;
const MAX_ATTEMPTING_MS = 3_000;
/** As much of an error body as is read to find out what it means. */
const JUDGED_BYTES = 65_536;
const NO_ATTEMPTS: AttemptRecord[] = []; // never pushed to
const NOBODY: readonly Account[] = [];

export interface AttemptParts {
  readonly live: LiveFigures;
  readonly metrics: GatewayMetrics;
  /** Counts an answer by the class of its status. */
  readonly answered: (status: number) => void;
  readonly log: Logger;
  readonly nowMs: () => number;
  readonly wallClockMs: () => number;
  readonly limits: { readonly headTimeoutMs: number; readonly idleTimeoutMs: number };
}

/** The answer that the client gets. From here on no other account is tried. */
export interface Committed {
  readonly account: Account;
  readonly answer: UpstreamAnswer;
  /** What was read ahead to judge it; null when nothing was. */
  readonly collected: Collected | null;
}

/**
 * Tries accounts until one gives the answer that is the client's: the first that is not about the account itself, or the last
 * of all when every account has refused. Nothing has been sent to the client while this runs.
 * @returns null when the client left meanwhile
 * @throws SwitchyardError `model_not_found`, `no_account_available`, `owner_unavailable`, `upstream_unreachable`
 */
export async function runAttempts(exchange: Exchange, snapshot: Snapshot, owner: Account | null, parts: AttemptParts): Promise<Committed | null> {
  const { live, nowMs } = parts;
  const model = exchange.facts!.model;
  let attempts: AttemptRecord[] = NO_ATTEMPTS;
  let tried: readonly Account[] = NOBODY;
  let spentMs = 0;
  let last: Committed | null = null;
  let failure: UpstreamFailure | null = null;
  for (;;) {
    const choice: Choice = owner === null ? chooseAccount(snapshot, live, { model, key: exchange.key, tried, nowMs: nowMs() }) : ofOwner(owner, tried);
    let account = choice.account;
    let chosenBy: ChosenBy = owner === null ? 'choice' : 'owner';
    if (account === null && last === null && failure?.reason === 'reset' && tried.length === 1 && attempts.length === 1) {
      // A kept-alive connection that the upstream had just closed looks like this; with no other account, once more is fair.
      account = tried[0]!;
      chosenBy = 'only_one_left';
    }
    if (account !== null && attempts.length > 0 && (attempts.length >= MAX_ATTEMPTS || spentMs > MAX_ATTEMPTING_MS)) account = null;
    if (account === null) break;

    const record: AttemptRecord = {
      account_id: account.id,
      account: account.name,
      chosen_by: chosenBy,
      candidates: choice.candidates,
      skipped: choice.skipped,
      least_bad: choice.leastBad || undefined,
      in_flight: live.inFlight(account.slot),
      started_ms: round(nowMs() - exchange.startedMs),
      verdict: 'in_progress',
      // All fields at once: one added later moves the record to a larger place in memory.
      status: undefined,
      failure: undefined,
      upstream_code: undefined,
      backoff: undefined,
    };
    if (attempts === NO_ATTEMPTS) {
      // Written as literals, which hold one; an array that grows by `push` begins with room for seventeen.
      attempts = [record];
      exchange.decision = { snapshot: snapshot.version, attempts };
    } else attempts.push(record);
    tried = tried === NOBODY ? [account] : [...tried, account];
    live.begin(account.slot);
    const begunMs = nowMs();
    let result: AttemptResult;
    try {
      const call = account.upstream.dispatch(upstreamRequest(exchange, account, parts));
      exchange.call = call;
      const answer = await call.answer;
      const collected = needsBody(answer.status) ? await collectBody(answer, JUDGED_BYTES) : null;
      result = { answer, collected, failure: null, judgement: judgeAnswer(answer, collected?.front ?? null, parts.wallClockMs()) };
    } catch (error) {
      if (!(error instanceof UpstreamFailure)) {
        live.finish(account.slot); // a bug of ours must not cost the account a place
        throw error;
      }
      result = { answer: null, collected: null, failure: error, judgement: judgeFailure(error.reason) };
    }
    if (exchange.cut !== null) {
      live.finish(account.slot);
      return null;
    }
    note(record, result, account, parts);
    // Time in which nobody was reached is nobody's work done twice: it does not use up the budget.
    if (result.failure?.reason !== 'connect' && result.failure?.reason !== 'connect_timeout') spentMs += nowMs() - begunMs;
    if (result.answer === null) {
      live.finish(account.slot);
      failure = result.failure;
      continue;
    }
    const committed = { account, answer: result.answer, collected: result.collected };
    if (result.judgement.verdict === 'relay' || result.collected?.rest) {
      record.verdict = 'relayed';
      return committed;
    }
    live.finish(account.slot);
    last = committed;
  }
  exchange.call = null;
  if (last !== null) {
    live.begin(last.account.slot); // held again while its answer is relayed
    attempts.findLast((record) => record.account_id === last.account.id)!.verdict = 'relayed';
    return last;
  }
  if (attempts.length > 0) {
    attempts.at(-1)!.verdict = 'gave_up';
    throw new SwitchyardError(
      'upstream_unreachable',
      `No account answered; ${attempts.length === 1 ? 'the only attempt' : `the last of ${attempts.length} attempts`} ended with: ${failure!.message}.`,
      { cause: failure },
    );
  }
  exchange.decision = { snapshot: snapshot.version, attempts: [] };
  if (model !== null) throw new SwitchyardError('model_not_found', `No account of this key serves the model \`${model}\`.`, { param: 'model' });
  throw new SwitchyardError('no_account_available', 'No account can serve this request.');
}

interface AttemptResult {
  readonly answer: UpstreamAnswer | null;
  readonly collected: Collected | null;
  readonly failure: UpstreamFailure | null;
  readonly judgement: Judgement;
}

function upstreamRequest({ match, facts, head, request }: Exchange, account: Account, { limits }: AttemptParts): UpstreamRequest {
  return {
    method: request.method!,
    path: account.basePath + match.path.slice('/v1'.length) + match.query,
    headers: upstreamHeaders(account, head.forward),
    body: facts!.body.length === 0 ? null : facts!.body,
    headTimeoutMs: limits.headTimeoutMs,
    idleTimeoutMs: limits.idleTimeoutMs,
  };
}

/** Writes down what an attempt showed: in the decision, in the account's health, in the metrics. */
function note(record: AttemptRecord, result: AttemptResult, account: Account, parts: AttemptParts): void {
  const { metrics } = parts;
  const { judgement, answer, failure } = result;
  record.status = answer?.status;
  record.failure = failure?.reason;
  record.upstream_code = judgement.code ?? undefined;
  record.verdict = 'next_account';
  record.backoff = judgement.backoff ?? undefined;
  if (failure !== null) metrics.switchyard_upstream_failures_total.inc({ reason: failure.reason });
  else parts.answered(answer!.status);
  setBackoff(account, result, parts);
}

/** Writes down that an answer broke off after it had begun: too late for another account, but not for the next request. */
export function noteBroken(exchange: Exchange, account: Account, failure: UpstreamFailure, parts: AttemptParts): void {
  if (failure.reason === 'aborted') return;
  const record = exchange.decision?.attempts.at(-1);
  if (record !== undefined) {
    record.failure = failure.reason;
    record.backoff = 'transport';
  }
  parts.metrics.switchyard_upstream_failures_total.inc({ reason: failure.reason });
  setBackoff(account, { answer: null, collected: null, failure, judgement: judgeFailure(failure.reason) }, parts);
}

/** Puts the account aside after a failure of its own, and takes it back after anything else. */
function setBackoff(account: Account, { judgement, failure }: AttemptResult, { live, metrics, log, nowMs }: AttemptParts): void {
  const { backoff: reason, retryAfterS } = judgement;
  if (reason === null) {
    live.succeeded(account.slot);
    return;
  }
  if (live.backoffUntil(account.slot) <= nowMs()) {
    log.warn('account_backing_off', 'An account is put aside for a while', {
      account: account.name,
      account_id: account.id,
      reason,
      ...(failure === null ? {} : { error: failure }),
    });
  }
  live.failed(account.slot, reason, nowMs(), retryAfterS === null ? null : nowMs() + retryAfterS * 1_000);
  metrics.switchyard_backoffs_total.inc({ reason });
}

function ofOwner(owner: Account, tried: readonly Account[]): Choice {
  return { account: tried.length === 0 ? owner : null, candidates: 1, skipped: undefined, leastBad: false };
}

function round(ms: number): number {
  return Math.round(ms * 1_000) / 1_000;
}
