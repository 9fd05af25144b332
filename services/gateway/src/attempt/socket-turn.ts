import { SwitchyardError, UpstreamFailure, errorEnvelope, retryAfterSeconds } from '@switchyard/contracts';
import type { AnswerHeaders } from '@switchyard/contracts';
import { leavePlace, takePlace } from '../admission/lease.ts';
import type { Account, Snapshot } from '../choice/account.ts';
import { recordFigures } from '../choice/candidate-figures.ts';
import { chooseAccount } from '../choice/choose-account.ts';
import type { Choice, Query } from '../choice/choose-account.ts';
import { chosenInstead, keepsOwner, returnsBy } from '../choice/keep-owner.ts';
import { LANE_AT } from '../choice/lanes.ts';
import { nobodyLeft } from '../choice/nobody-left.ts';
import { hasFull, poolToAsk } from '../choice/pool.ts';
import type { Pool } from '../choice/pool.ts';
import type { Taken } from '../exchange.ts';
import { errorIn } from '../relay/frame-facts.ts';
import { sentModel } from '../intake/splice-model.ts';
import { spliceTurn } from '../intake/splice-turn.ts';
import type { Frame } from '../relay/relay-frames.ts';
import type { AttemptRecord, ChosenBy } from '../settle/decision.ts';
import type { HoldFrames } from './hold-frames.ts';
import { judgeAnswer, judgeEvent, judgeFailure } from './judge.ts';
import { noteStandIn, nobodyAnswered, openDecision, openRecord, roundMs } from './attempt-record.ts';
import { BUDGETS, mayStart } from './budgets.ts';
import { exhaustedOwner } from './exhausted-owner.ts';
import { mayMove } from './may-move.ts';
import { ownerRetryMs } from './owner-retry.ts';
import type { Owner } from './owner.ts';
import { Pause } from './pause.ts';
import type { PolicyName } from './policy.ts';
import { tellsAsMuch } from './refused.ts';
import { ownerFull, placeFor } from './place-for.ts';
import type { Judgement } from './judge.ts';
import { note, noteRenewed } from './run-attempts.ts';
import type { AttemptParts } from './run-attempts.ts';
import type { RefusedUpgrade } from './socket-upstream.ts';

/** Answers of an upgrade that say: not over WebSocket. */
const NOT_SPOKEN = new Set([404, 405, 426]);

/** The sockets of one client, as its turn sees them. */
export interface TurnRoute {
  /** Whether an account takes turns over WebSocket, as far as is known. */
  speaks(account: Account): boolean;
  /** Whose socket the turns before went over, while it is open and may be used again for this turn; else null. */
  readonly openTo: Account | null;
  /** The turn goes on from a socket that rested for too long: one new one is all that it gets. */
  readonly isStale: boolean;
  /** Sends the turn over the socket to this account: the open one if it leads there, else a new one. Rejects with UpstreamFailure only. */
  send(account: Account, frame: Buffer): Promise<HoldFrames | RefusedUpgrade>;
  /** Closes the socket, which has come to nothing. */
  drop(): void;
  /** The account does not take WebSockets, whatever was said of it. */
  notSpokenBy(account: Account): void;
}

export interface CommittedTurn {
  readonly account: Account;
  /** What came of the answer so far; the socket to the account is the open one, unless the answer is an `error` frame of its own. */
  readonly opening: HoldFrames | { readonly frames: readonly Frame[] };
}

/**
 * Tries accounts until one takes the turn, or says what is wrong with it. Nothing has been sent to the client while this runs.
 * @param speaking  Those accounts of the pool that speak WebSocket.
 * @param owner     The one account that may be asked, when the turn continues something; it is asked again where the table says so.
 * @returns null when the client left meanwhile
 * @throws SwitchyardError `no_account_available` when no account that may be asked speaks WebSocket, `owner_exhausted`, `quota_exhausted`,
 *   `server_is_overloaded`, `upstream_unreachable`
 */
export async function runTurn(
  exchange: Taken,
  pool: Pool,
  speaking: Pool,
  owner: Owner | null,
  route: TurnRoute,
  parts: AttemptParts,
): Promise<CommittedTurn | null> {
  const { live, nowMs, retries } = parts;
  const { model, key } = exchange;
  const { claims } = exchange.facts!;
  const lane = LANE_AT[exchange.match.surface.lane];
  const attempts: AttemptRecord[] = [];
  const tried: Account[] = [];
  const query: Query = { model, lane, key, tried };
  const decision = openDecision(exchange, pool, live, attempts);
  exchange.decision = decision;
  let isOwned = owner !== null && owner.strength !== 'soft';
  const refusal = isOwned ? exhaustedOwner(owner!, live, parts.wallClockMs()) : null;
  if (refusal !== null) {
    if (!mayMove(owner!, pool, claims) || chooseAccount(poolToAsk(speaking, live, query).members, live, query).account === null) throw refusal;
    isOwned = false;
  }
  const budget = parts.pressure.isOn ? BUDGETS.pressed : owner === null ? BUDGETS.fresh : BUDGETS.continuation;
  retries.earn();
  let spentMs = 0;
  let waitedMs = exchange.waitedMs;
  let last: RefusedTurn | null = null;
  let failure: UpstreamFailure | null = null;
  let again: Account | null = null;
  let turnState: string | null = null;
  let renewed: Account | null = null;
  let isOwnerFull = false;
  for (;;) {
    const asked = poolToAsk(speaking, live, query);
    const pick: Pick =
      renewed !== null
        ? once(renewed, 'renewed')
        : again !== null
          ? once(again, isOwned ? 'owner_again' : 'only_one_left')
          : isOwned
            ? theOwner(owner!, tried, route)
            : pickAccount(exchange, query, asked.members, owner, route, live);
    let account: Account | null = pick.account;
    // A renewed attempt goes on at the place of the one before.
    let isBegun = renewed !== null;
    if (account === null ? !isOwned && hasFull(speaking, live, query) : isOwned && !isBegun && live.isFull(account.slot)) {
      const beforeMs = exchange.waitedMs;
      account = await placeFor(exchange, account, owner, speaking, tried, parts);
      isBegun = account !== null;
      waitedMs += exchange.waitedMs - beforeMs;
      if (exchange.openAt === -1) {
        leavePlace(exchange, live);
        return null;
      }
      isOwnerFull = isOwned && account === null;
    }
    if (account === null) break;
    const isFirst = attempts.length === 0;
    const isRetry = !isFirst && renewed === null;
    renewed = null;
    const stop = !isRetry ? undefined : !mayStart(budget, attempts.length, spentMs) ? 'budget' : retries.take() ? undefined : 'retry_budget';
    if (stop !== undefined) {
      leavePlace(exchange, live);
      if (stop === 'retry_budget') parts.metrics.switchyard_retries_refused_total.inc();
      decision.stopped_by = stop;
      break;
    }
    const by = isBegun && !isOwned && pick.by !== 'renewed' ? 'freed' : pick.by;
    const figures = pick.candidates > 1 && !isBegun ? recordFigures(asked.members, live, query) : undefined;
    const record = openRecord(account, pick, by, live.inFlight(account.slot) - (isBegun ? 1 : 0), figures, nowMs() - exchange.startedMs, waitedMs);
    waitedMs = 0;
    if (by === 'kept' || by === 'cache') record.instead = chosenInstead(asked.members, live, account, query);
    const sent = sentModel(exchange, account);
    if (sent !== null) record.sent_model = sent;
    if (speaking.fallback !== null && !isOwned) noteStandIn(record, speaking, account, live);
    attempts.push(record);
    const wasOpen = route.openTo?.id === account.id;
    tried.push(account);
    if (!isBegun) takePlace(exchange, account, live);
    const begunMs = nowMs();
    let result: TurnResult;
    try {
      result = await attempt(account, spliceTurn(exchange.facts!, sent, turnState), isOwned, route, parts);
    } finally {
      if (isRetry) retries.release();
    }
    if (exchange.openAt === -1) {
      leavePlace(exchange, live);
      return null;
    }
    const endedMs = nowMs();
    const { judgement, said } = result;
    if (judgement?.policy.name === 'credential_refused' && pick.by !== 'renewed') {
      renewed = await parts.recover(account);
      const hasLeft = (exchange as Taken).openAt === -1;
      if (renewed !== null || hasLeft) {
        noteRenewed(record, { answer: said, judgement }, parts);
        if (!hasLeft) continue;
        leavePlace(exchange, live);
        return null;
      }
    }
    if (judgement === null) {
      record.status = said?.status;
      record.verdict = 'next_account';
    } else note(record, { answer: said, failure: result.failure, judgement }, account, model, lane, (result.firstMs ?? endedMs) - begunMs, parts);
    if (result.failure?.reason !== 'connect' && result.failure?.reason !== 'connect_timeout') spentMs += endedMs - begunMs;
    const waitMs = isOwned && judgement !== null && !route.isStale ? ownerRetryMs(judgement.policy, attempts.length, owner!.wasDenied) : null;
    if (judgement?.policy.name === 'response_not_found' && exchange.affinity !== null) turnState = exchange.affinity.turnState;
    if (result.answer !== null && waitMs === null && judgement?.policy.free === 'relay') {
      record.verdict = 'relayed';
      return result.answer;
    }
    leavePlace(exchange, live);
    if (isOwned && judgement?.policy.name === 'quota' && mayMove(owner!, pool, claims)) isOwned = false;
    if (result.answer === null) failure = result.failure;
    else if (last === null || tellsAsMuch(judgement!.policy.name, last.policy)) last = { answer: result.answer, record, policy: judgement!.policy.name };
    // A kept socket that its upstream had just closed looks like this; once more over a new one is fair, and at once.
    const wasDead = isFirst && wasOpen && result.isUntouched;
    again = wasDead || waitMs !== null ? account : null;
    if (wasDead || waitMs === null) continue;
    record.verdict = 'same_account';
    const pause = new Pause(waitMs, parts.after);
    const pausedMs = nowMs();
    exchange.call = pause;
    await pause.over;
    exchange.call = null;
    if (exchange.openAt === -1) return null;
    waitedMs = roundMs(nowMs() - pausedMs);
  }
  if (last !== null) {
    takePlace(exchange, last.answer.account, live); // held again until its answer has been passed on
    last.record.verdict = 'relayed';
    return last.answer;
  }
  if (attempts.length === 0) {
    if (isOwnerFull) throw ownerFull();
    if (isOwned) throw new SwitchyardError('no_account_available', 'The account that owns this conversation does not speak WebSocket.');
    // While another account could serve it over HTTP, its client is sent there.
    const refused = nobodyLeft(speaking, live, query, parts.wallClockMs());
    if (refused.code !== 'model_not_found' && chooseAccount(poolToAsk(pool, live, query).members, live, query).account === null) throw refused;
    throw new SwitchyardError('no_account_available', `No account of this key takes the model \`${model}\` over WebSocket now.`);
  }
  attempts.at(-1)!.verdict = 'gave_up';
  if (failure === null) throw new SwitchyardError('no_account_available', 'No account of this key took the turn over WebSocket.');
  throw nobodyAnswered(attempts.length, failure);
}

/** An answer that goes to the client only when there is no better one. */
interface RefusedTurn {
  readonly answer: CommittedTurn;
  readonly record: AttemptRecord;
  readonly policy: PolicyName;
}

interface Pick extends Choice {
  readonly by: ChosenBy;
}

/** The owner, once, and nobody else. */
function theOwner({ account }: Owner, tried: readonly Account[], route: TurnRoute): Pick {
  return { account: tried.length === 0 && route.speaks(account) ? account : null, candidates: 1, skipped: undefined, leastBad: false, by: 'owner' };
}

/** Who is asked next: the account that the open socket leads to; else the one that the conversation prefers; else by the table of choice. */
function pickAccount({ affinity }: Taken, query: Query, members: Snapshot, owner: Owner | null, { openTo }: TurnRoute, live: AttemptParts['live']): Pick {
  // State that was not stored lives on the socket (codex-protocol 3), and moving a conversation for nothing empties its cache.
  const open = openTo === null ? undefined : members.byId.get(openTo.id);
  if (open !== undefined && !query.tried.includes(open) && keepsOwner(members, live, open, query)) return once(open, 'open_socket');
  const by = owner === null || query.tried.includes(owner.account) ? null : returnsBy(affinity?.kind, members, live, owner.account, query);
  return by === null ? { ...chooseAccount(members, live, query), by: 'choice' } : once(owner!.account, by);
}

function once(account: Account, by: ChosenBy): Pick {
  return { account, candidates: 1, skipped: undefined, leastBad: false, by };
}

interface TurnResult {
  /** What the client would get; null when nothing came. */
  readonly answer: CommittedTurn | null;
  /** What the upstream said of the turn, as an HTTP answer would; null when nothing came. */
  readonly said: { readonly status: number; readonly headers: AnswerHeaders } | null;
  /** Monotonic milliseconds at which its first frame came; null when none did. */
  readonly firstMs: number | null;
  readonly failure: UpstreamFailure | null;
  /** Null when the account was not asked at all: it does not speak this. */
  readonly judgement: Judgement | null;
  /** The socket broke off before anything had come. */
  readonly isUntouched: boolean;
}

const NOTHING: TurnResult = { answer: null, said: null, firstMs: null, failure: null, judgement: null, isUntouched: false };
const SERVED = { status: 200, headers: {} };

async function attempt(account: Account, frame: Buffer, isOwned: boolean, route: TurnRoute, { wallClockMs }: AttemptParts): Promise<TurnResult> {
  let reached: HoldFrames | RefusedUpgrade;
  try {
    reached = await route.send(account, frame);
  } catch (error) {
    if (!(error instanceof UpstreamFailure)) throw error;
    return failed(error);
  }
  if ('status' in reached) {
    const { status, headers, body } = reached;
    if (NOT_SPOKEN.has(status)) {
      route.notSpokenBy(account);
      return { ...NOTHING, said: reached };
    }
    const frame = { data: errorFrame(status, headers, body), isBinary: false };
    return { ...NOTHING, answer: { account, opening: { frames: [frame] } }, said: reached, judgement: judgeAnswer(reached, body, wallClockMs()) };
  }
  const opening = await reached.opening;
  switch (opening.is) {
    case 'committed':
      return {
        ...NOTHING,
        answer: { account, opening: reached },
        said: SERVED,
        firstMs: reached.firstMs,
        judgement: judgeAnswer(SERVED, null, wallClockMs()),
      };
    case 'failing': {
      const { status, headers, body } = errorIn(opening.frame);
      const judgement = judgeFrame(status, headers, body, wallClockMs());
      // What was not stored lives on the socket: an owner that is asked again is asked there, as long as it is open. Not so with a credential
      // that was refused: a socket keeps the one that it was opened with.
      if (judgement.policy.name === 'credential_refused' || (judgement.policy.free === 'next' && !isOwned)) route.drop();
      return { ...NOTHING, answer: { account, opening: reached }, said: { status: status ?? 200, headers }, firstMs: reached.firstMs, judgement };
    }
    case 'closed':
      route.drop();
      return { ...failed(new UpstreamFailure('reset')), isUntouched: reached.frames.length === 0 };
    case 'silent':
      route.drop();
      return failed(new UpstreamFailure('head_timeout'));
  }
}

function failed(failure: UpstreamFailure): TurnResult {
  return { ...NOTHING, failure, judgement: judgeFailure(failure.reason) };
}

/** A frame that fails is judged as the answer would be that says the same over HTTP. */
function judgeFrame(status: number | null, headers: Readonly<Record<string, string>>, body: Buffer, wallClockMs: number): Judgement {
  return status === null ? judgeEvent(body.toString(), wallClockMs) : judgeAnswer({ status, headers }, body, wallClockMs);
}

const NOT_IN_FRAMES = new Set(['connection', 'content-length', 'content-type', 'content-encoding', 'date', 'keep-alive', 'transfer-encoding']);

/** The refusal of an upgrade as the frame that says the same. */
function errorFrame(status: number, headers: RefusedUpgrade['headers'], body: Buffer): Buffer {
  const told = Object.fromEntries(Object.entries(headers).filter(([name]) => !NOT_IN_FRAMES.has(name)));
  return Buffer.from(JSON.stringify({ type: 'error', status, headers: told, error: errorOf(body) }));
}

function errorOf(body: Buffer): unknown {
  const text = body.toString();
  try {
    const parsed = JSON.parse(text) as { error?: unknown; detail?: unknown } | null;
    const error = parsed?.error ?? parsed?.detail;
    if (typeof error === 'object' && error !== null) return error;
  } catch {
    // Not every upstream refuses in JSON.
  }
  return { message: text };
}

/** A refusal of ours as an `error` frame. */
export function refusalFrame(error: SwitchyardError, requestId: string): Buffer {
  const wait = retryAfterSeconds(error);
  const headers = { 'x-request-id': requestId, ...byName(error.headers), ...(wait === null ? {} : { 'retry-after': String(wait) }) };
  return Buffer.from(JSON.stringify({ type: 'error', status: error.fault.status, headers, ...errorEnvelope(error, requestId) }));
}

function byName(flat: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (let i = 0; i < flat.length; i += 2) headers[flat[i]!] = flat[i + 1]!;
  return headers;
}
