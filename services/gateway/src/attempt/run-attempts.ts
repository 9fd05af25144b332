import { SwitchyardError, UpstreamFailure } from '@switchyard/contracts';
import type { UpstreamAnswer, UpstreamCall, UpstreamRequest } from '@switchyard/contracts';
import type { Logger } from '@switchyard/observability';
import type { Pressure } from '../admission/pressure.ts';
import type { Account, Snapshot } from '../choice/account.ts';
import { chooseAccount } from '../choice/choose-account.ts';
import type { Choice } from '../choice/choose-account.ts';
import type { LiveFigures } from '../choice/live-figures.ts';
import type { Exchange } from '../exchange.ts';
import type { GatewayMetrics } from '../metrics.ts';
import type { AttemptRecord, ChosenBy } from '../settle/decision.ts';
import { nobodyAnswered, openRecord, roundMs } from './attempt-record.ts';
import { BUDGETS, mayStart } from './budgets.ts';
import { collectBody } from './collect-body.ts';
import type { Collected } from './collect-body.ts';
import type { Holds } from './holds.ts';
import { judgeAnswer, judgeEvent, judgeFailure, needsBody } from './judge.ts';
import type { Judgement } from './judge.ts';
import { LookAhead, isLookedAt } from './look-ahead.ts';
import type { LookAheadEnd } from './look-ahead.ts';
import { exhaustedOwner } from './exhausted-owner.ts';
import { ownerRetryMs } from './owner-retry.ts';
import type { Owner } from './owner.ts';
import { Pause } from './pause.ts';
import type { After } from './pause.ts';
import { PASSED_ON } from './policy.ts';
import { kept } from './refused.ts';
import type { Refused } from './refused.ts';
import type { RetryBudget } from './retry-budget.ts';
import { upstreamHeaders } from './upstream-headers.ts';

/** As much of an error body as is read to find out what it means. */
const JUDGED_BYTES = 65_536;
const NO_ATTEMPTS: AttemptRecord[] = []; // never pushed to
const NOBODY: readonly Account[] = [];

export interface AttemptParts {
  readonly live: LiveFigures;
  readonly metrics: GatewayMetrics;
  /** Counts an answer by the class of its status. */
  readonly answered: (status: number) => void;
  /** Counts a look at the opening of a stream by how it ended. */
  readonly lookedAhead: (ended: LookAheadEnd) => void;
  readonly retries: RetryBudget;
  readonly pressure: Pick<Pressure, 'isOn'>;
  readonly holds: Holds;
  readonly log: Logger;
  readonly nowMs: () => number;
  readonly wallClockMs: () => number;
  readonly after: After;
  readonly limits: { readonly headTimeoutMs: number; readonly compactTimeoutMs: number; readonly idleTimeoutMs: number };
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
 * of all when every account has refused. A conversation with a hard owner is tried there alone, and there again where the table says so.
 * Nothing has been sent to the client while this runs.
 * @returns null when the client left meanwhile
 * @throws SwitchyardError `model_not_found`, `no_account_available`, `owner_exhausted`, `upstream_unreachable`
 * @see product section 2, "What happens before commit"
 */
export async function runAttempts(exchange: Exchange, snapshot: Snapshot, owner: Owner | null, parts: AttemptParts): Promise<Committed | null> {
  const { live, nowMs, retries } = parts;
  const model = exchange.facts!.model;
  const isOwned = owner !== null && owner.strength !== 'soft';
  const budget = parts.pressure.isOn ? BUDGETS.pressed : owner === null ? BUDGETS.fresh : BUDGETS.continuation;
  if (isOwned) {
    const refusal = exhaustedOwner(owner, live, nowMs(), parts.wallClockMs);
    if (refusal !== null) {
      exchange.decision = { snapshot: snapshot.version, attempts: [] };
      throw refusal;
    }
  }
  retries.earn();
  let attempts: AttemptRecord[] = NO_ATTEMPTS;
  let tried: readonly Account[] = NOBODY;
  let spentMs = 0;
  let waitedMs = exchange.waitedMs;
  let turnState: string | null = null;
  let last: Refused | null = null;
  let failure: UpstreamFailure | null = null;
  for (;;) {
    const isFirst = attempts.length === 0;
    let chosenBy: ChosenBy = 'choice';
    if (isOwned) chosenBy = isFirst ? 'owner' : 'owner_again';
    else if (owner !== null && isFirst && canServe(owner.account, exchange, snapshot, live, nowMs())) chosenBy = 'kept';
    const choice: Choice =
      chosenBy === 'choice'
        ? chooseAccount(snapshot, live, { model, key: exchange.key, tried, nowMs: nowMs() })
        : { account: owner!.account, candidates: 1, skipped: undefined, leastBad: false };
    let account = choice.account;
    if (account === null && last === null && failure?.reason === 'reset' && tried.length === 1 && attempts.length === 1) {
      // A kept-alive connection that the upstream had just closed looks like this; with no other account, once more is fair.
      account = tried[0]!;
      chosenBy = 'only_one_left';
    }
    if (account === null) break;
    if (!isFirst) {
      if (!mayStart(budget, attempts.length, spentMs)) {
        exchange.decision!.stopped_by = 'budget';
        break;
      }
      if (!retries.take()) {
        exchange.decision!.stopped_by = 'retry_budget';
        parts.metrics.switchyard_retries_refused_total.inc();
        break;
      }
    }

    const record = openRecord(account, choice, chosenBy, live.inFlight(account.slot), nowMs() - exchange.startedMs, waitedMs);
    waitedMs = 0;
    if (attempts === NO_ATTEMPTS) {
      // Written as literals, which hold one; an array that grows by `push` begins with room for seventeen.
      attempts = [record];
      exchange.decision = { snapshot: snapshot.version, attempts, stopped_by: undefined };
    } else attempts.push(record);
    tried = tried === NOBODY ? [account] : [...tried, account];
    live.begin(account.slot);
    const begunMs = nowMs();
    let call: UpstreamCall | null = null;
    let result: AttemptResult;
    try {
      call = account.upstream.dispatch(upstreamRequest(exchange, account, turnState, parts));
      exchange.call = call;
      const answer = await call.answer;
      if (isLookedAt(answer, exchange.match.surface.watch)) {
        const ahead = new LookAhead(answer.body, exchange.match.surface.watch, parts.holds);
        const waiting = ahead.begin();
        if (waiting !== null) await waiting;
        parts.lookedAhead(ahead.ended!);
        result = { answer, collected: ahead, failure: ahead.failure, judgement: judgeOpening(answer, ahead, parts) };
      } else {
        const collected = needsBody(answer.status, isOwned) ? await collectBody(answer, JUDGED_BYTES) : null;
        result = { answer, collected, failure: null, judgement: judgeAnswer(answer, joined(collected), parts.wallClockMs()) };
      }
    } catch (error) {
      if (!(error instanceof UpstreamFailure)) {
        // A bug of ours must not cost the account a place, nor the others a retry.
        live.finish(account.slot);
        if (!isFirst) retries.release();
        last?.call.abort();
        throw error;
      }
      result = { answer: null, collected: null, failure: error, judgement: judgeFailure(error.reason) };
    }
    if (!isFirst) retries.release();
    if (exchange.cut !== null) {
      live.finish(account.slot);
      last?.call.abort();
      return null;
    }
    note(record, result, account, parts);
    // Time in which nobody was reached is nobody's work done twice: it does not use up the budget.
    if (result.failure?.reason !== 'connect' && result.failure?.reason !== 'connect_timeout') spentMs += nowMs() - begunMs;
    const { policy } = result.judgement;
    const waitMs = isOwned ? ownerRetryMs(policy, attempts.length, owner.wasDenied) : null;
    if (policy.name === 'response_not_found' && exchange.affinity !== null) turnState = exchange.affinity.turnState;
    const goesOn = isOwned ? waitMs !== null : policy.free === 'next';
    if (result.answer !== null && !goesOn && policy.free === 'relay') {
      record.verdict = 'relayed';
      last?.call.abort();
      return { account, answer: result.answer, collected: result.collected };
    }
    live.finish(account.slot);
    if (result.answer === null) failure = result.failure;
    else last = kept(last, { account, answer: result.answer, collected: result.collected, call: call!, record, policy: policy.name });
    if (!goesOn) {
      record.verdict = 'gave_up';
      break;
    }
    if (waitMs === null) continue;
    record.verdict = 'same_account';
    const pause = new Pause(waitMs, parts.after);
    const pausedMs = nowMs();
    exchange.call = pause;
    await pause.over;
    if (exchange.cut !== null) {
      last?.call.abort();
      return null;
    }
    waitedMs = roundMs(nowMs() - pausedMs);
  }
  exchange.call = null;
  if (last !== null) {
    live.begin(last.account.slot); // held again while its answer is relayed
    last.record.verdict = 'relayed';
    if (last.collected !== null && last.collected.rest !== null) exchange.call = last.call;
    return last;
  }
  if (attempts.length > 0) {
    attempts.at(-1)!.verdict = 'gave_up';
    throw nobodyAnswered(attempts.length, failure!);
  }
  exchange.decision = { snapshot: snapshot.version, attempts: [] };
  if (model !== null) throw new SwitchyardError('model_not_found', `No account of this key serves the model \`${model}\`.`, { param: 'model' });
  throw new SwitchyardError('no_account_available', 'No account can serve this request.');
}

/** Whether the account to which a conversation should return can take it now; else it is an account like any other. */
function canServe(account: Account, { facts, key }: Exchange, snapshot: Snapshot, live: LiveFigures, nowMs: number): boolean {
  const serving = facts!.model === null ? snapshot.general : snapshot.byModel.get(facts!.model);
  return serving?.includes(account) === true && (key.accounts === null || key.accounts.has(account.id)) && live.backoffUntil(account.slot) <= nowMs;
}

function judgeOpening(answer: UpstreamAnswer, ahead: LookAhead, { wallClockMs }: AttemptParts): Judgement {
  if (ahead.failed !== null) return judgeEvent(ahead.failed, wallClockMs());
  if (ahead.ended === 'broken_off') return judgeFailure(ahead.failure?.reason ?? 'ended');
  return judgeAnswer(answer, null, 0);
}

function joined(collected: Collected | null): Buffer | null {
  if (collected === null) return null;
  return collected.front.length === 1 ? collected.front[0]! : Buffer.concat(collected.front);
}

interface AttemptResult {
  readonly answer: UpstreamAnswer | null;
  readonly collected: Collected | null;
  readonly failure: UpstreamFailure | null;
  readonly judgement: Judgement;
}

/** What is written down of an attempt, whatever it went over. */
type Noted = Pick<AttemptResult, 'failure' | 'judgement'> & { readonly answer: Pick<UpstreamAnswer, 'status'> | null };

/** @param turnState  To be sent along, the request having none of its own. */
function upstreamRequest({ match, facts, head, request }: Exchange, account: Account, turnState: string | null, { limits }: AttemptParts): UpstreamRequest {
  const headers = upstreamHeaders(account, head.forward);
  if (turnState !== null) headers.push('x-codex-turn-state', turnState);
  return {
    method: request.method!,
    path: account.basePath + match.path.slice('/v1'.length) + match.query,
    headers,
    body: facts!.body.length === 0 ? null : facts!.body,
    headTimeoutMs: match.surface.lane === 'compact' ? limits.compactTimeoutMs : limits.headTimeoutMs,
    idleTimeoutMs: limits.idleTimeoutMs,
  };
}

/** Writes down what an attempt showed: in the decision, in the account's health, in the metrics. */
export function note(record: AttemptRecord, result: Noted, account: Account, parts: AttemptParts): void {
  const { metrics } = parts;
  const { judgement, answer, failure } = result;
  record.status = answer?.status;
  record.failure = failure?.reason;
  record.failure_detail = failure?.detail ?? undefined;
  record.upstream_code = judgement.code ?? undefined;
  record.verdict = 'next_account';
  if (judgement.policy !== PASSED_ON) record.policy = judgement.policy.name;
  record.backoff = judgement.backoff ?? undefined;
  if (failure !== null) metrics.switchyard_upstream_failures_total.inc({ reason: failure.reason });
  else parts.answered(answer!.status);
  setBackoff(account, result, parts);
}

/** Writes down that an answer broke off after it had begun: too late for another account, but not for the next request. */
export function noteBroken(exchange: Pick<Exchange, 'decision'>, account: Account, failure: UpstreamFailure, parts: AttemptParts): void {
  if (failure.reason === 'aborted') return;
  const record = exchange.decision?.attempts.findLast(({ verdict }) => verdict === 'relayed');
  // One that broke off in its opening, and was passed on for want of a better, has been written down.
  if (record?.failure !== undefined) return;
  if (record !== undefined) {
    record.failure = failure.reason;
    record.backoff = 'transport';
  }
  parts.metrics.switchyard_upstream_failures_total.inc({ reason: failure.reason });
  setBackoff(account, { failure, judgement: judgeFailure(failure.reason) }, parts);
}

/** Puts the account aside after a failure of its own, and takes it back after anything else. */
function setBackoff(account: Account, { judgement, failure }: Pick<AttemptResult, 'failure' | 'judgement'>, { live, metrics, log, nowMs }: AttemptParts): void {
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
