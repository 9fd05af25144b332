import { SwitchyardError } from '@switchyard/contracts';
import { leavePlace, takePlace } from '../admission/lease.ts';
import type { Account, Snapshot } from '../choice/account.ts';
import { chooseAccount } from '../choice/choose-account.ts';
import type { Choice, Query } from '../choice/choose-account.ts';
import { keepsOwner, returnsBy } from '../choice/keep-owner.ts';
import type { LiveFigures } from '../choice/live-figures.ts';
import { nobodyLeft } from '../choice/nobody-left.ts';
import { poolToAsk } from '../choice/pool.ts';
import type { Pool } from '../choice/pool.ts';
import { Unserved } from '../choice/unserved.ts';
import type { Taken } from '../exchange.ts';
import { spliceTurn } from '../intake/splice-turn.ts';
import type { AttemptRecord, ChosenBy } from '../settle/decision.ts';
import { only, openCourse } from './attempt-course.ts';
import type { AttemptCourse } from './attempt-course.ts';
import type { AttemptParts } from './attempt-parts.ts';
import { nobodyAnswered } from './attempt-record.ts';
import type { Owner } from './owner.ts';
import { ownerFull } from './place-for.ts';
import type { PolicyName } from './policy.ts';
import { tellsAsMuch } from './refused.ts';
import { attemptTurn } from './socket-attempt.ts';
import type { TurnResult } from './socket-attempt.ts';
import type { CommittedTurn, TurnRoute } from './turn-route.ts';

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
  const { live, nowMs } = parts;
  const course = openCourse(exchange, speaking, owner, parts);
  let last: RefusedTurn | null = null;
  let again: Account | null = null;
  for (;;) {
    const query = course.query();
    const { members } = poolToAsk(speaking, live, query);
    const pick = pickAccount(exchange, course, again, query, members, owner, route, live);
    let { account } = pick.choice;
    again = null;
    if (course.isFull(account, query)) {
      account = await course.place(account);
      if (course.hasLeft()) return letGo(exchange, live);
    }
    if (account === null || !course.mayBegin()) break;
    const wasOpen = course.attempts.length === 0 && route.openTo?.id === account.id;
    const record = course.begin(account, pick.choice, pick.by, members, query);
    const begunMs = nowMs();
    let result: TurnResult;
    try {
      const frame = spliceTurn(exchange.facts!, record.sent_model ?? null, course.turnState);
      result = await attemptTurn(account, frame, course.isOwned, route, parts.wallClockMs);
    } finally {
      course.end();
    }
    if (course.hasLeft()) return letGo(exchange, live);
    const { turn, answer, failure, judgement } = result;
    const endedMs = nowMs();
    if (judgement === null) {
      course.passedOver(record, answer!.status, endedMs - begunMs);
      if (course.isOwned) break;
      continue;
    }
    if (judgement.policy.name === 'credential_refused' && record.chosen_by !== 'renewed') {
      const isRenewed = await course.recover(account, record, { answer, judgement });
      if (course.hasLeft()) return letGo(exchange, live);
      if (isRenewed) continue;
    }
    const verdict = course.judged(record, account, { answer, failure, judgement }, endedMs - begunMs, (result.firstMs ?? endedMs) - begunMs, route.isStale);
    if (verdict === 'relayed') return turn;
    const { name } = judgement.policy;
    if (turn !== null && (last === null || tellsAsMuch(name, last.policy))) last = { turn, record, policy: name };
    // A kept socket that its upstream had just closed looks like this; once more over a new one is fair, and at once.
    if (wasOpen && result.isUntouched) {
      record.verdict = 'same_account';
      again = account;
    } else if (verdict === 'gave_up') break;
    else if (verdict === 'same_account') {
      await course.pause();
      if (course.hasLeft()) return letGo(exchange, live);
    }
  }
  if (last !== null) {
    takePlace(exchange, last.turn.account, live); // held again until its answer has been passed on
    last.record.verdict = 'relayed';
    return last.turn;
  }
  throw refusalOf(course, pool, speaking, owner, route, parts);
}

/** An answer that goes to the client only when there is no better one. */
interface RefusedTurn {
  readonly turn: CommittedTurn;
  readonly record: AttemptRecord;
  readonly policy: PolicyName;
}

interface Pick {
  readonly choice: Choice;
  readonly by: ChosenBy;
}

/**
 * Who is asked next: the same account, when that is due; the owner, and nobody else; the account that the open socket leads to; else the one that
 * the conversation prefers; else by the table of choice.
 */
function pickAccount(
  { affinity }: Taken,
  { renewed, isOwned, attempts }: AttemptCourse,
  again: Account | null,
  query: Query,
  members: Snapshot,
  owner: Owner | null,
  route: TurnRoute,
  live: LiveFigures,
): Pick {
  if (renewed !== null) return { choice: only(renewed), by: 'renewed' };
  if (isOwned && attempts.length > 0) return { choice: only(owner!.account), by: 'owner_again' };
  if (isOwned) return { choice: only(route.speaks(owner!.account) ? owner!.account : null), by: 'owner' };
  if (again !== null) return { choice: only(again), by: 'only_one_left' };
  // State that was not stored lives on the socket (codex-protocol 3), and moving a conversation for nothing empties its cache.
  const open = route.openTo === null ? undefined : members.byId.get(route.openTo.id);
  if (open !== undefined && !query.tried.includes(open) && keepsOwner(members, live, open, query)) return { choice: only(open), by: 'open_socket' };
  const by = owner === null || query.tried.includes(owner.account) ? null : returnsBy(affinity?.kind, members, live, owner.account, query);
  return by === null ? { choice: chooseAccount(members, live, query), by: 'choice' } : { choice: only(owner!.account), by };
}

/** What the client is told of a turn that nobody took. */
function refusalOf(
  course: AttemptCourse,
  pool: Pool,
  speaking: Pool,
  owner: Owner | null,
  route: TurnRoute,
  { live, wallClockMs }: AttemptParts,
): SwitchyardError {
  const { attempts, failure } = course;
  if (attempts.length > 0) {
    attempts.at(-1)!.verdict = 'gave_up';
    if (failure !== null) return nobodyAnswered(attempts.length, failure);
    return new SwitchyardError('no_account_available', 'No account of this key took the turn over WebSocket.');
  }
  if (course.isOwned) {
    const { account } = owner!;
    if (route.speaks(account)) return ownerFull(account);
    const message = 'The account that owns this conversation does not speak WebSocket.';
    return new Unserved('no_account_available', 'owner_not_over_websocket', message, { account: account.name });
  }
  // While another account could serve it over HTTP, its client is sent there.
  const query = course.query();
  const refused = nobodyLeft(speaking, live, query, wallClockMs());
  if (refused.code !== 'model_not_found' && chooseAccount(poolToAsk(pool, live, query).members, live, query).account === null) return refused;
  return new Unserved('no_account_available', 'not_over_websocket', `No account of this key takes the model \`${query.model}\` over WebSocket now.`);
}

/** The client has left: nothing is kept for it. */
function letGo(exchange: Taken, live: LiveFigures): null {
  leavePlace(exchange, live);
  return null;
}
