import { HEURISTICS } from '@switchyard/contracts';
import type { Heuristic } from '@switchyard/contracts';
import { winnerOf } from './candidate-figures.ts';
import type { CandidateFigures } from './candidate-figures.ts';
import type { Heuristics } from './heuristics.ts';
import type { StrategyName } from './strategies.ts';

/** What one heuristic earned in one choice. */
export interface Earned {
  readonly heuristic: Heuristic;
  /** Whether it counted. */
  readonly on: boolean;
  /** Who would have been chosen had it been switched the other way; null when nobody could be. */
  readonly otherwise: string | null;
}

/** Those that decide before a choice, and of which its figures therefore tell nothing. */
const BEFORE_CHOICE: ReadonlySet<Heuristic> = new Set(['prompt_cache', 'warm_conversation']);

/**
 * Works a choice out again with each heuristic switched the other way, one at a time. One that left the winner as it was has earned nothing
 * here. Circuits that did not count were not kept, and so are left out then.
 * @see product section 3, "the replay shows what it earns"
 */
export function whatEarned(candidates: readonly CandidateFigures[], strategy: StrategyName, uses: Heuristics): Earned[] {
  return HEURISTICS.filter((name) => !BEFORE_CHOICE.has(name) && (name !== 'circuit' || uses.circuit)).map((heuristic) => ({
    heuristic,
    on: uses[heuristic],
    otherwise: winnerOf(candidates, strategy, { ...uses, [heuristic]: !uses[heuristic] }),
  }));
}

/** The heuristics but for which another account would have been chosen. */
export function whatDecided(candidates: readonly CandidateFigures[], strategy: StrategyName, uses: Heuristics): Omit<Earned, 'on'>[] {
  const winner = winnerOf(candidates, strategy, uses);
  return whatEarned(candidates, strategy, uses).flatMap(({ heuristic, on, otherwise }) => (on && otherwise !== winner ? [{ heuristic, otherwise }] : []));
}

/** The same of a request that went back to an account that it prefers. @param instead  Who would have been chosen; null when it is the same one. */
export function whatKept(chosenBy: 'kept' | 'cache', instead: string | null): Omit<Earned, 'on'>[] {
  return instead === null ? [] : [{ heuristic: chosenBy === 'kept' ? 'warm_conversation' : 'prompt_cache', otherwise: instead }];
}
