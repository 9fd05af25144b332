import { SwitchyardError } from '@switchyard/contracts';
import type { FaultCode } from '@switchyard/contracts';
import { exhaustedUntilMs } from '../attempt/exhausted-owner.ts';
import { mayMove } from '../attempt/may-move.ts';
import { speakingPool } from '../attempt/speaking-pool.ts';
import { recordAffinity, wholeAffinity } from '../bindings/record-affinity.ts';
import type { Account, Snapshot } from '../choice/account.ts';
import { figuresOfAll, rank, readFigures, recordFigures, winnerOf } from '../choice/candidate-figures.ts';
import { chooseAccount } from '../choice/choose-account.ts';
import type { Query, Skips } from '../choice/choose-account.ts';
import type { Heuristics } from '../choice/heuristics.ts';
import { returnsBy } from '../choice/keep-owner.ts';
import { LANE_AT } from '../choice/lanes.ts';
import type { LiveFigures } from '../choice/live-figures.ts';
import { modelFor, poolFor, poolToAsk, serves } from '../choice/pool.ts';
import type { AccountTable, Pool } from '../choice/pool.ts';
import type { StrategyName } from '../choice/strategies.ts';
import { whatEarned } from '../choice/what-decided.ts';
import type { Earned } from '../choice/what-decided.ts';
import { countedIn, leftOut, shownFigures } from '../settle/decision.ts';
import type { ChosenBy, DecisionRecord, ShownFigures } from '../settle/decision.ts';
import type { Belonging, WouldBe } from './find-belonging.ts';

/** The version of no table: for one explanation no index is worth its while. */
const NOT_IN_FORCE = -1;

/** What is to be otherwise when a decision is worked out again. */
export interface ReplayEdits {
  /** Switches of heuristics; those left out are as they were. */
  readonly heuristics?: Partial<Heuristics> | undefined;
  readonly strategy?: StrategyName | undefined;
  /** By name of account. */
  readonly priorities?: Readonly<Record<string, number>> | undefined;
  /** Names of accounts that are left out. */
  readonly without?: readonly string[] | undefined;
}

export interface ReplayedAttempt {
  /** Which attempt of the request, from 1. */
  readonly attempt: number;
  readonly recorded_winner: string;
  /** Null when nobody could be chosen. */
  readonly winner: string | null;
  /** Whether every candidate was recorded; of more than 16 only the best are. */
  readonly complete: boolean;
  /** Best first, then those that cannot be chosen; none for one that went back to an account that it prefers. */
  readonly candidates: readonly ShownFigures[];
  /** What each heuristic earned: who would win were it switched the other way. */
  readonly heuristics: readonly Earned[];
}

/**
 * Works the choices of a recorded decision out again, from the figures that were recorded. Without edits the winners are the recorded
 * ones. Of an attempt that went back to an account that it prefers only that is looked at again: whether it does, and who is next without.
 * Attempts at an owner, and those with one candidate, were no choice and are left out.
 * @see product section 3, "Every choice is explained"
 */
export function replayDecision(decision: DecisionRecord, { strategy, heuristics, priorities = {}, without = [] }: ReplayEdits): ReplayedAttempt[] {
  const uses = { ...countedIn(decision), ...heuristics };
  return decision.attempts.flatMap((attempt, n) => {
    const { chosen_by: by, account, figures, instead } = attempt;
    const head = { attempt: n + 1, recorded_winner: account };
    if (by === 'kept' || by === 'cache') {
      const heuristic = by === 'kept' ? ('warm_conversation' as const) : ('prompt_cache' as const);
      const on = uses[heuristic];
      const other = instead ?? account;
      const back = without.includes(account) ? other : account;
      const [winner, otherwise] = on ? [back, other] : [other, back];
      return { ...head, winner, complete: false, candidates: [], heuristics: [{ heuristic, on, otherwise }] };
    }
    if (by !== 'choice' || figures === undefined) return [];
    const seen = figures
      .map(readFigures)
      .filter((each) => !without.includes(each.account))
      .map((each) => ({ ...each, priority: priorities[each.account] ?? each.priority }));
    const byStrategy = strategy ?? attempt.strategy ?? decision.strategy ?? 'balance';
    return {
      ...head,
      winner: winnerOf(seen, byStrategy, uses),
      complete: figures.length === attempt.candidates,
      candidates: rank(seen, byStrategy, uses).map(shownFigures),
      heuristics: whatEarned(seen, byStrategy, uses),
    };
  });
}

export interface Explanation {
  /** Null when nobody could be chosen; without a model the sandbox is never, so that a server that has only that has none. */
  readonly winner: string | null;
  /** Why that one, in the words of a decision; null when nobody would be asked. */
  readonly chosen_by: ChosenBy | null;
  /** By which of its ids it would belong to an account, as in a decision; null when it would to none. */
  readonly affinity: object | null;
  /** The refusal that its ids, or the quota of its owner, would meet; null for none. */
  readonly refused: FaultCode | null;
  /** The pool that would be asked. */
  readonly pool: string;
  readonly candidates: number;
  readonly skipped: Skips;
  readonly least_bad: boolean;
  /** Best first, then those that cannot be chosen; empty with one candidate. */
  readonly figures: readonly ShownFigures[];
  /** Candidates besides those; of more than 16 only the best are told. */
  readonly left_out: number;
  /** What each heuristic earns here; empty with one candidate. */
  readonly heuristics: readonly Earned[];
}

/**
 * Which account a request would go to now: its owner, where it has one, else the one that would be chosen. Changes nothing: no turn is taken.
 * What is told of candidates and heuristics is of a new conversation in its place.
 * @param belonging  Null: it continues nothing.
 * @throws SwitchyardError `model_not_found` when nobody serves the model, or the key may not use it; `no_account_available` without its pool
 */
export function explainChoice(
  table: AccountTable,
  live: LiveFigures,
  asked: Omit<WouldBe, 'continues'>,
  belonging: Belonging | null,
  wallClockMs: number,
): Explanation {
  const { lane, key } = asked;
  const model = asked.model === null ? null : modelFor(table, asked.model);
  const all = poolFor(table, { pool: key?.pool ?? null });
  // A ChatGPT login serves Responses only, which this lane is not for.
  const pool = lane === 'standard' ? (all.plain ?? all) : all;
  const mayUse = model === null || !key?.models || key.models.includes(asked.model!) || key.models.includes(model);
  if (model !== null && !(serves(pool, model) && mayUse))
    throw new SwitchyardError('model_not_found', `No account serves the model \`${asked.model}\`, or this key may not use it.`, { param: 'model' });
  const query = { model, lane: LANE_AT[lane], key: { accounts: key?.accounts ? new Set(key.accounts) : null }, tried: [] };
  const { name, members } = poolToAsk(lane === 'websocket' ? speakingPool(pool, ({ speaksWebSocket }) => speaksWebSocket, NOT_IN_FORCE) : pool, live, query);
  const { account, candidates, skipped, leastBad } = chooseAccount(members, live, query);
  const figures = (recordFigures(members, live, query) ?? []).map((stored) => shownFigures(readFigures(stored)));
  const led = leadOf(belonging, pool, members, live, query, account, wallClockMs);
  return {
    winner: (led.by === 'choice' ? account : led.account)?.name ?? null,
    chosen_by: led.by === 'choice' && account === null ? null : led.by,
    affinity: belonging === null || belonging.affinity === null ? null : wholeAffinity(recordAffinity(belonging.affinity, null)),
    refused: led.refused,
    pool: name,
    candidates,
    skipped: skipped ?? {},
    least_bad: leastBad,
    figures,
    left_out: leftOut(candidates, figures),
    heuristics: candidates < 2 ? [] : whatEarned(figuresOfAll(members, live, query), live.orderOf(members).strategy, live.uses),
  };
}

/** Who has a say before the choice, as for a request that is made. */
interface Lead {
  readonly by: ChosenBy | null;
  readonly account: Account | null;
  readonly refused: FaultCode | null;
}

const BY_CHOICE: Lead = { by: 'choice', account: null, refused: null };

/** @param chosen  Whom a new conversation would go to. */
function leadOf(
  belonging: Belonging | null,
  pool: Pool,
  members: Snapshot,
  live: LiveFigures,
  query: Query,
  chosen: Account | null,
  wallClockMs: number,
): Lead {
  if (belonging === null) return BY_CHOICE;
  const { owner, refused, affinity, claims } = belonging;
  if (refused !== null) return { by: null, account: null, refused };
  if (owner === null) return BY_CHOICE;
  const { account, strength } = owner;
  if (strength === 'soft') {
    const by = returnsBy(affinity?.kind, members, live, account, query);
    return by === null ? BY_CHOICE : { by, account, refused: null };
  }
  if (exhaustedUntilMs(account, live, wallClockMs) === null) return { by: 'owner', account, refused: null };
  return mayMove(owner, pool, claims) && chosen !== null ? BY_CHOICE : { by: null, account: null, refused: 'owner_exhausted' };
}
