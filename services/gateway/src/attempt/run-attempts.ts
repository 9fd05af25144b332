import { UpstreamFailure } from '@switchyard/contracts';
import type { UpstreamAnswer, UpstreamCall, UpstreamRequest } from '@switchyard/contracts';
import type { Logger } from '@switchyard/observability';
import type { AccountPlaces } from '../admission/account-places.ts';
import { leavePlace, takePlace } from '../admission/lease.ts';
import type { Pressure } from '../admission/pressure.ts';
import type { Account } from '../choice/account.ts';
import { recordFigures } from '../choice/candidate-figures.ts';
import { chooseAccount } from '../choice/choose-account.ts';
import type { Choice, Query } from '../choice/choose-account.ts';
import { chosenInstead, returnsBy } from '../choice/keep-owner.ts';
import { LANE_AT } from '../choice/lanes.ts';
import type { LiveFigures } from '../choice/live-figures.ts';
import { nobodyLeft } from '../choice/nobody-left.ts';
import { noteOutcome } from '../choice/note-outcome.ts';
import { hasFull, poolToAsk } from '../choice/pool.ts';
import type { Pool } from '../choice/pool.ts';
import { quotaFromHeaders, tellsQuota } from '../choice/read-quota.ts';
import type { Exchange, Taken } from '../exchange.ts';
import type { GatewayMetrics } from '../metrics.ts';
import { sentModel, spliceModel } from '../intake/splice-model.ts';
import type { AttemptRecord, ChosenBy } from '../settle/decision.ts';
import { noteStandIn, nobodyAnswered, openDecision, openRecord, roundMs } from './attempt-record.ts';
import { BUDGETS, mayStart } from './budgets.ts';
import { collectBody } from './collect-body.ts';
import type { Collected } from './collect-body.ts';
import type { Holds } from './holds.ts';
import { JUDGED_BYTES, judgeAnswer, judgeEvent, judgeFailure, needsBody } from './judge.ts';
import type { Judgement } from './judge.ts';
import { LookAhead, isLookedAt } from './look-ahead.ts';
import type { LookAheadEnd } from './look-ahead.ts';
import { exhaustedOwner } from './exhausted-owner.ts';
import { mayMove } from './may-move.ts';
import { ownerFull, placeFor } from './place-for.ts';
import { ownerRetryMs } from './owner-retry.ts';
import type { Owner } from './owner.ts';
import { Pause } from './pause.ts';
import type { After } from './pause.ts';
import { PASSED_ON } from './policy.ts';
import { kept } from './refused.ts';
import type { Refused } from './refused.ts';
import type { RetryBudget } from './retry-budget.ts';
import { upstreamHeaders } from './upstream-headers.ts';

/** How long an account is not asked for a model that it refused without saying until when. */
const MODEL_LIMIT_MS = 300_000;
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
  /** Looks for a better credential after an account has refused its own: the account as it is then, null when it is as it was. Never rejects. */
  readonly recover: (account: Account) => Promise<Account | null>;
  /** The account does not serve the model for so long. */
  readonly limitModel: (accountId: string, model: string, forMs: number) => void;
  readonly places: Pick<AccountPlaces, 'wait'>;
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
 * @throws SwitchyardError `model_not_found`, `no_account_available`, `owner_exhausted`, `quota_exhausted`, `server_is_overloaded`, `upstream_unreachable`
 * @see product section 2, "What happens before commit"
 */
export async function runAttempts(exchange: Exchange, pool: Pool, owner: Owner | null, parts: AttemptParts): Promise<Committed | null> {
  const { live, nowMs, retries } = parts;
  const { model, key } = exchange;
  const lane = LANE_AT[exchange.match.surface.lane];
  let isOwned = owner !== null && owner.strength !== 'soft';
  const budget = parts.pressure.isOn ? BUDGETS.pressed : owner === null ? BUDGETS.fresh : BUDGETS.continuation;
  if (owner !== null && isOwned) {
    const refusal = exhaustedOwner(owner, live, parts.wallClockMs());
    if (refusal !== null) {
      const query: Query = { model, lane, key, tried: NOBODY };
      if (!mayMove(owner, pool, exchange.facts!.claims) || chooseAccount(poolToAsk(pool, live, query).members, live, query).account === null) {
        exchange.decision = openDecision(exchange, pool, live, []);
        throw refusal;
      }
      isOwned = false;
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
  let renewed: Account | null = null;
  for (;;) {
    const isFirst = attempts.length === 0;
    const query: Query = { model, lane, key, tried };
    const { members } = pool.fallback === null ? pool : poolToAsk(pool, live, query);
    let chosenBy: ChosenBy = 'choice';
    if (renewed !== null) chosenBy = 'renewed';
    else if (isOwned) chosenBy = isFirst ? 'owner' : 'owner_again';
    else if (owner !== null && isFirst) chosenBy = returnsBy(exchange.affinity?.kind, members, live, owner.account, query) ?? 'choice';
    const choice: Choice =
      chosenBy === 'choice' ? chooseAccount(members, live, query) : { account: renewed ?? owner!.account, candidates: 1, skipped: undefined, leastBad: false };
    let account = choice.account;
    if (account === null && last === null && failure?.reason === 'reset' && tried.length === 1 && attempts.length === 1) {
      // A kept-alive connection that the upstream had just closed looks like this; with no other account, once more is fair.
      account = tried[0]!;
      chosenBy = 'only_one_left';
    }
    // A renewed attempt goes on at the place of the one before.
    let isBegun = renewed !== null;
    if (account === null ? hasFull(pool, live, query) : isOwned && !isBegun && live.isFull(account.slot)) {
      const beforeMs = exchange.waitedMs;
      account = await placeFor(exchange, account, owner, pool, tried, parts);
      isBegun = account !== null;
      waitedMs += exchange.waitedMs - beforeMs;
      if (hasLeft(exchange)) {
        leavePlace(exchange, live);
        last?.call.abort();
        return null;
      }
      if (!isOwned) chosenBy = 'freed';
    }
    if (account === null) break;
    // Once for each account and request: no flood can come of it, so it needs no leave.
    const isRetry = !isFirst && renewed === null;
    renewed = null;
    const stop = !isRetry ? undefined : !mayStart(budget, attempts.length, spentMs) ? 'budget' : retries.take() ? undefined : 'retry_budget';
    if (stop !== undefined) {
      leavePlace(exchange, live);
      if (stop === 'retry_budget') parts.metrics.switchyard_retries_refused_total.inc();
      exchange.decision!.stopped_by = stop;
      break;
    }

    const figures = choice.candidates > 1 && !isBegun ? recordFigures(members, live, query) : undefined;
    const record = openRecord(account, choice, chosenBy, live.inFlight(account.slot) - (isBegun ? 1 : 0), figures, nowMs() - exchange.startedMs, waitedMs);
    waitedMs = 0;
    if (chosenBy === 'kept' || chosenBy === 'cache') record.instead = chosenInstead(members, live, account, query);
    const sent = sentModel(exchange, account);
    if (sent !== null) record.sent_model = sent;
    if (pool.fallback !== null && !isOwned) noteStandIn(record, pool, account, live);
    if (attempts === NO_ATTEMPTS) {
      // Written as literals, which hold one; an array that grows by `push` begins with room for seventeen.
      attempts = [record];
      exchange.decision = openDecision(exchange, pool, live, attempts);
    } else attempts.push(record);
    tried = tried === NOBODY ? [account] : [...tried, account];
    if (!isBegun) takePlace(exchange, account, live);
    const begunMs = nowMs();
    let call: UpstreamCall | null = null;
    let headMs = 0;
    let result: AttemptResult;
    try {
      call = account.upstream.dispatch(upstreamRequest(exchange, account, sent, turnState, parts));
      exchange.call = call;
      const answer = await call.answer;
      if (isLookedAt(answer, exchange.match.surface.watch)) {
        const ahead = new LookAhead(answer.body, exchange.match.surface.watch, parts.holds);
        const waiting = ahead.begin();
        if (waiting !== null) {
          headMs = nowMs() - begunMs;
          await waiting;
        }
        parts.lookedAhead(ahead.ended!);
        result = { answer, collected: ahead, failure: ahead.failure, judgement: judgeOpening(answer, ahead, parts) };
      } else {
        const collected = needsBody(answer.status, isOwned) ? await collectBody(answer, JUDGED_BYTES) : null;
        result = { answer, collected, failure: null, judgement: judgeAnswer(answer, joined(collected), parts.wallClockMs()) };
      }
    } catch (error) {
      if (!(error instanceof UpstreamFailure)) {
        // A bug of ours must not cost the account a place, nor the others a retry.
        leavePlace(exchange, live);
        if (isRetry) retries.release();
        last?.call.abort();
        throw error;
      }
      result = { answer: null, collected: null, failure: error, judgement: judgeFailure(error.reason) };
    }
    if (isRetry) retries.release();
    if (hasLeft(exchange)) {
      leavePlace(exchange, live);
      last?.call.abort();
      return null;
    }
    if (result.judgement.policy.name === 'credential_refused' && chosenBy !== 'renewed') {
      const pausedMs = nowMs();
      renewed = await parts.recover(account);
      if (renewed !== null || hasLeft(exchange)) {
        noteRenewed(record, result, parts);
        call!.abort();
        if (!hasLeft(exchange)) {
          waitedMs = roundMs(nowMs() - pausedMs);
          continue;
        }
        leavePlace(exchange, live);
        last?.call.abort();
        return null;
      }
    }
    const tookMs = nowMs() - begunMs;
    note(record, result, account, model, lane, headMs === 0 ? tookMs : headMs, parts);
    // Time in which nobody was reached is nobody's work done twice: it does not use up the budget.
    if (result.failure?.reason !== 'connect' && result.failure?.reason !== 'connect_timeout') spentMs += tookMs;
    const { policy } = result.judgement;
    if (isOwned && policy.name === 'quota' && mayMove(owner!, pool, exchange.facts!.claims)) isOwned = false;
    const waitMs = isOwned ? ownerRetryMs(policy, attempts.length, owner!.wasDenied) : null;
    if (policy.name === 'response_not_found' && exchange.affinity !== null) turnState = exchange.affinity.turnState;
    const goesOn = isOwned ? waitMs !== null : policy.free === 'next';
    if (result.answer !== null && !goesOn && policy.free === 'relay') {
      record.verdict = 'relayed';
      last?.call.abort();
      return { account, answer: result.answer, collected: result.collected };
    }
    leavePlace(exchange, live);
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
    if (hasLeft(exchange)) {
      last?.call.abort();
      return null;
    }
    waitedMs = roundMs(nowMs() - pausedMs);
  }
  exchange.call = null;
  if (last !== null) {
    takePlace(exchange, last.account, live); // held again while its answer is relayed
    last.record.verdict = 'relayed';
    if (last.collected !== null && last.collected.rest !== null) exchange.call = last.call;
    return last;
  }
  if (attempts.length > 0) {
    attempts.at(-1)!.verdict = 'gave_up';
    throw nobodyAnswered(attempts.length, failure!);
  }
  exchange.decision = openDecision(exchange, pool, live, []);
  if (isOwned) throw ownerFull();
  throw nobodyLeft(pool, live, { model, lane, key, tried }, parts.wallClockMs());
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

/** Whatever ended it: not every end is a cut. */
function hasLeft({ openAt }: Exchange): boolean {
  return openAt === -1;
}

interface AttemptResult {
  readonly answer: UpstreamAnswer | null;
  readonly collected: Collected | null;
  readonly failure: UpstreamFailure | null;
  readonly judgement: Judgement;
}

/** What is written down of an attempt, whatever it went over. */
type Noted = Pick<AttemptResult, 'failure' | 'judgement'> & { readonly answer: Pick<UpstreamAnswer, 'status' | 'headers'> | null };

/**
 * @param sent       Another name of the model than the client's.
 * @param turnState  To be sent along, the request having none of its own.
 */
function upstreamRequest(
  { match, facts, head, request }: Exchange,
  account: Account,
  sent: string | null,
  turnState: string | null,
  { limits }: AttemptParts,
): UpstreamRequest {
  const headers = upstreamHeaders(account, head.forward);
  // Whoever codex compresses for can read it; to others it is sent as what it holds.
  const encoded = facts!.encoded !== null && account.kind === 'chatgpt' && sent === null ? facts!.encoded : null;
  if (encoded !== null) headers.push('content-encoding', 'zstd');
  if (turnState !== null) headers.push('x-codex-turn-state', turnState);
  return {
    method: request.method!,
    path: account.basePath + match.path.slice('/v1'.length) + match.query,
    headers,
    body: encoded ?? (sent !== null ? spliceModel(facts!, sent) : facts!.body.length === 0 ? null : facts!.body),
    headTimeoutMs: match.surface.lane === 'compact' ? limits.compactTimeoutMs : limits.headTimeoutMs,
    idleTimeoutMs: limits.idleTimeoutMs,
  };
}

/**
 * Writes down what an attempt showed: in the decision, in the account's figures, in the metrics.
 * @param tookMs  From the attempt to the first that came of its answer.
 */
export function note(record: AttemptRecord, result: Noted, account: Account, model: string | null, lane: number, tookMs: number, parts: AttemptParts): void {
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
  setBackoff(account, model, lane, result, tookMs, parts);
}

/** Writes down that an account refused a credential that has been replaced: it says nothing of the account. */
export function noteRenewed(record: AttemptRecord, { answer, judgement }: Pick<Noted, 'answer' | 'judgement'>, { answered }: AttemptParts): void {
  record.status = answer?.status;
  record.upstream_code = judgement.code ?? undefined;
  record.policy = judgement.policy.name;
  record.verdict = 'same_account';
  if (answer !== null) answered(answer.status);
}

/** Writes down that an answer broke off after it had begun: too late for another account, but not for the next request. */
export function noteBroken(exchange: Pick<Taken, 'decision' | 'match' | 'model'>, account: Account, failure: UpstreamFailure, parts: AttemptParts): void {
  if (failure.reason === 'aborted') return;
  const record = exchange.decision?.attempts.findLast(({ verdict }) => verdict === 'relayed');
  // One that broke off in its opening, and was passed on for want of a better, has been written down.
  if (record?.failure !== undefined) return;
  if (record !== undefined) {
    record.failure = failure.reason;
    record.backoff = 'transport';
  }
  parts.metrics.switchyard_upstream_failures_total.inc({ reason: failure.reason });
  const result = { answer: null, failure, judgement: judgeFailure(failure.reason) };
  setBackoff(account, exchange.model, LANE_AT[exchange.match.surface.lane], result, 0, parts);
}

/** Takes what an attempt has shown into the figures of the account, and says so when that puts it aside. */
function setBackoff(account: Account, model: string | null, lane: number, result: Noted, tookMs: number, parts: AttemptParts): void {
  const { live, metrics, log, wallClockMs } = parts;
  const { judgement, answer, failure } = result;
  const { slot } = account;
  if (answer !== null && tellsQuota(answer.headers)) {
    const reading = quotaFromHeaders(answer.headers, wallClockMs());
    if (reading !== null) live.observe(slot, reading);
  }
  const reason = judgement.backoff;
  const wasAside = reason !== null && live.backInMs(slot, lane) > 0;
  if (reason === 'model_quota' && model !== null)
    parts.limitModel(account.id, model, judgement.retryAfterS === null ? MODEL_LIMIT_MS : judgement.retryAfterS * 1_000);
  noteOutcome(live, slot, lane, answer === null ? null : answer.status, failure === null ? null : failure.reason, judgement, tookMs);
  if (reason === null) return;
  metrics.switchyard_backoffs_total.inc({ reason });
  if (wasAside) return;
  log.warn('account_backing_off', 'An account is put aside for a while', {
    account: account.name,
    account_id: account.id,
    reason,
    ...(failure === null ? {} : { error: failure }),
  });
}
