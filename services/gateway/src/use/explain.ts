import { SwitchyardError } from '@switchyard/contracts';
import { speakingPool } from '../attempt/speaking-pool.ts';
import { figuresOfAll, rank, readFigures, recordFigures, winnerOf } from '../choice/candidate-figures.ts';
import { chooseAccount } from '../choice/choose-account.ts';
import type { Skips } from '../choice/choose-account.ts';
import type { Heuristics } from '../choice/heuristics.ts';
import { LANE_AT } from '../choice/lanes.ts';
import type { LiveFigures } from '../choice/live-figures.ts';
import { modelFor, poolFor, poolToAsk, serves } from '../choice/pool.ts';
import type { AccountTable } from '../choice/pool.ts';
import type { StrategyName } from '../choice/strategies.ts';
import { whatEarned } from '../choice/what-decided.ts';
import type { Earned } from '../choice/what-decided.ts';
import type { Lane } from '../routes.ts';
import { countedIn, shownFigures } from '../settle/decision.ts';
import type { DecisionRecord, ShownFigures } from '../settle/decision.ts';
import type { KeyView } from './keys.ts';

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
  /** The pool that would be asked. */
  readonly pool: string;
  readonly candidates: number;
  readonly skipped: Skips;
  readonly least_bad: boolean;
  /** Best first, then those that cannot be chosen; empty with one candidate. */
  readonly figures: readonly ShownFigures[];
  /** What each heuristic earns here; empty with one candidate. */
  readonly heuristics: readonly Earned[];
}

/**
 * Which account a new conversation would go to now. Changes nothing: no turn is taken.
 * @param key  Null: one of the default pool that may use every account.
 * @throws SwitchyardError `model_not_found` when nobody serves the model, or the key may not use it; `no_account_available` without its pool
 */
export function explainChoice(
  table: AccountTable,
  live: LiveFigures,
  asked: { readonly model: string | null; readonly lane: Lane; readonly key: KeyView | null },
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
  return {
    winner: account?.name ?? null,
    pool: name,
    candidates,
    skipped: skipped ?? {},
    least_bad: leastBad,
    figures: (recordFigures(members, live, query) ?? []).map((stored) => shownFigures(readFigures(stored))),
    heuristics: candidates < 2 ? [] : whatEarned(figuresOfAll(members, live, query), live.orderOf(members).strategy, live.uses),
  };
}
