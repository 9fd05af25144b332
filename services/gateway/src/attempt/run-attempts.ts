import { UpstreamFailure } from '@switchyard/contracts';
import type { UpstreamAnswer, UpstreamCall } from '@switchyard/contracts';
import { leavePlace, takePlace } from '../admission/lease.ts';
import type { Account, Snapshot } from '../choice/account.ts';
import { chooseAccount } from '../choice/choose-account.ts';
import type { Query } from '../choice/choose-account.ts';
import { returnsBy } from '../choice/keep-owner.ts';
import type { LiveFigures } from '../choice/live-figures.ts';
import { nobodyLeft } from '../choice/nobody-left.ts';
import { poolToAsk } from '../choice/pool.ts';
import type { Pool } from '../choice/pool.ts';
import type { Exchange } from '../exchange.ts';
import type { ChosenBy } from '../settle/decision.ts';
import { only, openCourse } from './attempt-course.ts';
import type { AttemptCourse } from './attempt-course.ts';
import type { AttemptParts } from './attempt-parts.ts';
import { nobodyAnswered } from './attempt-record.ts';
import { answerResult, failureResult, openingResult } from './attempt-result.ts';
import type { AttemptResult } from './attempt-result.ts';
import { collectBody } from './collect-body.ts';
import type { Collected } from './collect-body.ts';
import { JUDGED_BYTES, needsBody } from './judge.ts';
import { LookAhead, isLookedAt } from './look-ahead.ts';
import type { Owner } from './owner.ts';
import { ownerFull } from './place-for.ts';
import { kept } from './refused.ts';
import type { Refused } from './refused.ts';
import { upstreamRequest } from './upstream-request.ts';

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
  const { live, nowMs, wallClockMs } = parts;
  const course = openCourse(exchange, pool, owner, parts);
  let last: Refused | null = null;
  for (;;) {
    const query = course.query();
    const { members } = pool.fallback === null ? pool : poolToAsk(pool, live, query);
    let by = howToChoose(exchange, course, members, live, owner, query);
    const choice = by === 'choice' ? chooseAccount(members, live, query) : only(course.renewed ?? owner!.account);
    let { account } = choice;
    if (account === null && last === null && course.failure?.reason === 'reset' && course.attempts.length === 1) {
      // A kept-alive connection that the upstream had just closed looks like this; with no other account, once more is fair.
      account = course.tried[0]!;
      by = 'only_one_left';
    }
    if (course.isFull(account, query)) {
      account = await course.place(account);
      if (course.hasLeft()) return letGo(exchange, last, live);
    }
    if (account === null || !course.mayBegin()) break;
    const record = course.begin(account, choice, by, members, query);
    const begunMs = nowMs();
    let call: UpstreamCall | null = null;
    let headMs = 0;
    let result: AttemptResult;
    try {
      call = account.upstream.dispatch(upstreamRequest(exchange, account, record.sent_model ?? null, course.turnState, parts));
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
        result = openingResult(answer, ahead, wallClockMs);
      } else {
        const collected = needsBody(answer.status, course.isOwned) ? await collectBody(answer, JUDGED_BYTES) : null;
        result = answerResult(answer, collected, wallClockMs);
      }
    } catch (error) {
      if (!(error instanceof UpstreamFailure)) {
        // A bug of ours must not cost the account a place, nor the others a retry.
        course.end();
        letGo(exchange, last, live);
        throw error;
      }
      result = failureResult(error);
    }
    course.end();
    if (course.hasLeft()) return letGo(exchange, last, live);
    if (result.judgement.policy.name === 'credential_refused' && record.chosen_by !== 'renewed') {
      const isRenewed = await course.recover(account, record, result);
      if (isRenewed || course.hasLeft()) call!.abort();
      if (course.hasLeft()) return letGo(exchange, last, live);
      if (isRenewed) continue;
    }
    const tookMs = nowMs() - begunMs;
    const verdict = course.judged(record, account, result, tookMs, headMs === 0 ? tookMs : headMs);
    const { answer, collected } = result;
    if (verdict === 'relayed') {
      last?.call.abort();
      return { account, answer: answer!, collected };
    }
    if (answer !== null) last = kept(last, { account, answer, collected, call: call!, record, policy: result.judgement.policy.name });
    if (verdict === 'gave_up') break;
    if (verdict === 'next_account') continue;
    await course.pause();
    if (course.hasLeft()) return letGo(exchange, last, live);
  }
  exchange.call = null;
  if (last !== null) {
    takePlace(exchange, last.account, live); // held again while its answer is relayed
    last.record.verdict = 'relayed';
    if (last.collected !== null && last.collected.rest !== null) exchange.call = last.call;
    return last;
  }
  const { attempts, failure } = course;
  if (attempts.length > 0) {
    attempts.at(-1)!.verdict = 'gave_up';
    throw nobodyAnswered(attempts.length, failure!);
  }
  throw course.isOwned ? ownerFull(owner!.account) : nobodyLeft(pool, live, course.query(), wallClockMs());
}

/** By what the next account is chosen: it is the owner, where there is one that must or should be asked, or whom the table of choice says. */
function howToChoose(
  { affinity }: Exchange,
  { renewed, isOwned, attempts }: AttemptCourse,
  members: Snapshot,
  live: LiveFigures,
  owner: Owner | null,
  query: Query,
): ChosenBy {
  if (renewed !== null) return 'renewed';
  if (isOwned) return attempts.length === 0 ? 'owner' : 'owner_again';
  if (owner === null || attempts.length > 0) return 'choice';
  return returnsBy(affinity?.kind, members, live, owner.account, query) ?? 'choice';
}

/** The client has left: nothing is kept for it. */
function letGo(exchange: Exchange, last: Refused | null, live: LiveFigures): null {
  leavePlace(exchange, live);
  last?.call.abort();
  return null;
}
