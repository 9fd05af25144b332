import type { UpstreamFailure } from '@switchyard/contracts';
import { leavePlace, takePlace } from '../admission/lease.ts';
import type { Account, Snapshot } from '../choice/account.ts';
import { recordFigures } from '../choice/candidate-figures.ts';
import { chooseAccount } from '../choice/choose-account.ts';
import type { Choice, Query } from '../choice/choose-account.ts';
import { chosenInstead } from '../choice/keep-owner.ts';
import { LANE_AT } from '../choice/lanes.ts';
import { hasFull, poolToAsk } from '../choice/pool.ts';
import type { Pool } from '../choice/pool.ts';
import type { Taken } from '../exchange.ts';
import { sentModel } from '../intake/splice-model.ts';
import type { AttemptRecord, ChosenBy } from '../settle/decision.ts';
import type { AttemptParts } from './attempt-parts.ts';
import { noteStandIn, openDecision, openRecord, roundMs } from './attempt-record.ts';
import { BUDGETS, mayStart } from './budgets.ts';
import type { Budget } from './budgets.ts';
import { exhaustedOwner } from './exhausted-owner.ts';
import { mayMove } from './may-move.ts';
import { noteAttempt, noteRenewed } from './note-attempt.ts';
import type { Noted } from './note-attempt.ts';
import { ownerRetryMs } from './owner-retry.ts';
import type { Owner } from './owner.ts';
import { Pause } from './pause.ts';
import { placeFor } from './place-for.ts';

const NO_ATTEMPTS: AttemptRecord[] = []; // never pushed to
const NOBODY: readonly Account[] = [];

/** What follows from an attempt: its answer is the client's, another account is asked, the same one is, or nobody is any more. */
export type Verdict = Exclude<AttemptRecord['verdict'], 'in_progress'>;

/**
 * Begins to ask accounts.
 * @param pool  Those that may be asked.
 * @throws SwitchyardError `owner_exhausted` when the owner is out of quota and the conversation may not leave it
 */
export function openCourse(exchange: Taken, pool: Pool, owner: Owner | null, parts: AttemptParts): AttemptCourse {
  const isOwned = owner !== null && owner.strength !== 'soft' && !isLetGo(exchange, pool, owner, parts);
  parts.retries.earn();
  return new AttemptCourse(exchange, pool, owner, isOwned, parts);
}

/** Whether a conversation leaves an owner that is out of quota. */
function isLetGo(exchange: Taken, pool: Pool, owner: Owner, { live, wallClockMs }: AttemptParts): boolean {
  const refusal = exhaustedOwner(owner, live, wallClockMs());
  if (refusal === null) return false;
  const query: Query = { model: exchange.model, lane: LANE_AT[exchange.match.surface.lane], key: exchange.key, tried: NOBODY };
  if (mayMove(owner, pool, exchange.facts!.claims) && chooseAccount(poolToAsk(pool, live, query).members, live, query).account !== null) return true;
  throw refusal;
}

/**
 * The course of one request over accounts until its answer is committed: who has been asked, what may follow, and what is written down of it.
 * The same over HTTP and over a WebSocket, which differ in whom they ask next and in how.
 * @see product section 2
 */
export class AttemptCourse {
  /** Only the owner may be asked. */
  isOwned: boolean;
  attempts = NO_ATTEMPTS;
  tried = NOBODY;
  /** The account that was asked last, with another credential, when it is to be asked again for that. It keeps its place. */
  renewed: Account | null = null;
  /** For the owner that did not know the response, where the request has none of its own. */
  turnState: string | null = null;
  /** How the last attempt without an answer ended. */
  failure: UpstreamFailure | null = null;
  readonly #exchange: Taken;
  readonly #pool: Pool;
  readonly #owner: Owner | null;
  readonly #parts: AttemptParts;
  readonly #lane: number;
  readonly #budget: Budget;
  #spentMs = 0;
  #waitedMs: number;
  #waitMs = 0;
  #isPlaced = false;
  #isRetry = false;

  constructor(exchange: Taken, pool: Pool, owner: Owner | null, isOwned: boolean, parts: AttemptParts) {
    this.isOwned = isOwned;
    this.#exchange = exchange;
    this.#pool = pool;
    this.#owner = owner;
    this.#parts = parts;
    this.#lane = LANE_AT[exchange.match.surface.lane];
    this.#budget = parts.pressure.isOn ? BUDGETS.pressed : owner === null ? BUDGETS.fresh : BUDGETS.continuation;
    this.#waitedMs = exchange.waitedMs;
  }

  /** Whether the client has left, whatever ended it: not every end is a cut. */
  hasLeft(): boolean {
    return this.#exchange.openAt === -1;
  }

  /** What an account is looked for by. */
  query(): Query {
    return { model: this.#exchange.model, lane: this.#lane, key: this.#exchange.key, tried: this.tried };
  }

  /** Whether there is no place at the account that is to be asked; or, without one, at none that could be. */
  isFull(account: Account | null, query: Query): boolean {
    const { live } = this.#parts;
    if (account === null) return !this.isOwned && hasFull(this.#pool, live, query);
    return this.isOwned && this.renewed === null && live.isFull(account.slot);
  }

  /** Waits for a place. @returns the account at which there is one now; null when none came free in time, or the client left */
  async place(only: Account | null): Promise<Account | null> {
    const exchange = this.#exchange;
    const beforeMs = exchange.waitedMs;
    const account = await placeFor(exchange, only, this.#owner, this.#pool, this.tried, this.#parts);
    this.#isPlaced = account !== null;
    this.#waitedMs += exchange.waitedMs - beforeMs;
    return account;
  }

  /** Whether another attempt may begin: for a further one there must be time, attempts and retries left. */
  mayBegin(): boolean {
    const { live, retries, metrics } = this.#parts;
    // With another credential it happens once for each account and request: no flood can come of it, so it needs no leave.
    this.#isRetry = this.attempts.length > 0 && this.renewed === null;
    if (!this.#isRetry) return true;
    const isInBudget = mayStart(this.#budget, this.attempts.length, this.#spentMs);
    if (isInBudget && retries.take()) return true;
    leavePlace(this.#exchange, live);
    if (isInBudget) metrics.switchyard_retries_refused_total.inc();
    this.#exchange.decision!.stopped_by = isInBudget ? 'retry_budget' : 'budget';
    return false;
  }

  /** An account is asked now: takes its place, and opens the line of the attempt. @param members  Whom it was chosen from */
  begin(account: Account, choice: Choice, by: ChosenBy, members: Snapshot, query: Query): AttemptRecord {
    const exchange = this.#exchange;
    const pool = this.#pool;
    const { live, nowMs } = this.#parts;
    const hasPlace = this.#isPlaced || this.renewed !== null;
    const figures = choice.candidates > 1 && !hasPlace ? recordFigures(members, live, query) : undefined;
    const chosenBy = this.#isPlaced && !this.isOwned ? 'freed' : by;
    const inFlight = live.inFlight(account.slot) - (hasPlace ? 1 : 0);
    const record = openRecord(account, choice, chosenBy, inFlight, figures, nowMs() - exchange.startedMs, this.#waitedMs);
    this.renewed = null;
    this.#isPlaced = false;
    this.#waitedMs = 0;
    if (chosenBy === 'kept' || chosenBy === 'cache') record.instead = chosenInstead(members, live, account, query);
    const sent = sentModel(exchange, account);
    if (sent !== null) record.sent_model = sent;
    if (pool.fallback !== null && !this.isOwned) noteStandIn(record, pool, account, live);
    if (this.attempts === NO_ATTEMPTS) {
      // Written as literals, which hold one; an array that grows by `push` begins with room for seventeen.
      this.attempts = [record];
      this.tried = [account];
      exchange.decision = openDecision(exchange, pool, live, this.attempts);
    } else {
      this.attempts.push(record);
      this.tried = [...this.tried, account];
    }
    if (!hasPlace) takePlace(exchange, account, live);
    return record;
  }

  /** The attempt is over: gives back what it took of retries. */
  end(): void {
    if (this.#isRetry) this.#parts.retries.release();
    this.#isRetry = false;
  }

  /** Looks for a better credential for an account that has refused its own. @returns whether it is to be asked again with one */
  async recover(account: Account, record: AttemptRecord, result: Pick<Noted, 'answer' | 'judgement'>): Promise<boolean> {
    const { recover, nowMs } = this.#parts;
    const pausedMs = nowMs();
    this.renewed = await recover(account);
    if (this.renewed === null) return false;
    noteRenewed(record, result, this.#parts);
    this.#waitedMs = roundMs(nowMs() - pausedMs);
    return true;
  }

  /**
   * Writes down what the last attempt showed, and says what follows. Unless its answer is the client's, its place is given back.
   * @param tookMs   Of the whole attempt.
   * @param firstMs  From its beginning to the first that came of its answer.
   * @param isOnce   The owner is not asked again, whatever the table says.
   */
  judged(record: AttemptRecord, account: Account, result: Noted, tookMs: number, firstMs: number, isOnce = false): Verdict {
    const exchange = this.#exchange;
    const { answer, failure, judgement } = result;
    noteAttempt(record, result, account, exchange.model, this.#lane, firstMs, this.#parts);
    // Time in which nobody was reached is nobody's work done twice: it does not use up the budget.
    if (failure?.reason !== 'connect' && failure?.reason !== 'connect_timeout') this.#spentMs += tookMs;
    const { policy } = judgement;
    if (this.isOwned && policy.name === 'quota' && mayMove(this.#owner!, this.#pool, exchange.facts!.claims)) this.isOwned = false;
    if (policy.name === 'response_not_found' && exchange.affinity !== null) this.turnState = exchange.affinity.turnState;
    const waitMs = this.isOwned && !isOnce ? ownerRetryMs(policy, this.attempts.length, this.#owner!.wasDenied) : null;
    const goesOn = this.isOwned ? waitMs !== null : policy.free === 'next';
    if (answer !== null && !goesOn && policy.free === 'relay') return (record.verdict = 'relayed');
    leavePlace(exchange, this.#parts.live);
    if (answer === null) this.failure = failure;
    this.#waitMs = waitMs ?? 0;
    return (record.verdict = !goesOn ? 'gave_up' : waitMs === null ? 'next_account' : 'same_account');
  }

  /** The account has said that it does not take this here, which tells nothing else of it. */
  passedOver(record: AttemptRecord, status: number, tookMs: number): void {
    record.status = status;
    record.verdict = 'next_account';
    this.#spentMs += tookMs;
    this.failure = null;
    leavePlace(this.#exchange, this.#parts.live);
  }

  /** Waits until the owner is to be asked again, or the client has left. */
  async pause(): Promise<void> {
    const { after, nowMs } = this.#parts;
    const pause = new Pause(this.#waitMs, after);
    const pausedMs = nowMs();
    this.#exchange.call = pause;
    await pause.over;
    this.#exchange.call = null;
    this.#waitedMs = roundMs(nowMs() - pausedMs);
  }
}

/** The choice of the one account that is to be asked. */
export function only(account: Account | null): Choice {
  return { account, candidates: 1, skipped: undefined, leastBad: false };
}
