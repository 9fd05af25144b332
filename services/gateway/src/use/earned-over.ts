import { HEURISTICS } from '@switchyard/contracts';
import type { Heuristic } from '@switchyard/contracts';
import type { DecisionRecord } from '../settle/decision.ts';
import { replayDecision } from './explain.ts';
import type { ReplayEdits } from './explain.ts';

/** What many choices, worked out again, say of the heuristics and of other settings. */
export interface EarnedOver {
  readonly requests: number;
  /** Attempts for which there was a choice. */
  readonly choices: number;
  /** Choices that would have gone to another account under the edits. */
  readonly changed: number;
  /** `counted`: choices in which it was looked at; `decided`: those that would have gone to another account without it. */
  readonly heuristics: readonly { readonly heuristic: Heuristic; readonly counted: number; readonly decided: number }[];
}

/** Sums up what each heuristic earned over many decisions. One that decided nothing has earned nothing. @see product section 3 */
export function earnedOver(decisions: readonly DecisionRecord[], edits: ReplayEdits): EarnedOver {
  const counted = new Map<Heuristic, number>();
  const decided = new Map<Heuristic, number>();
  const add = (to: Map<Heuristic, number>, heuristic: Heuristic): unknown => to.set(heuristic, (to.get(heuristic) ?? 0) + 1);
  let choices = 0;
  let changed = 0;
  for (const decision of decisions) {
    for (const { recorded_winner: recorded, winner, heuristics } of replayDecision(decision, edits)) {
      choices++;
      if (winner !== recorded) changed++;
      for (const { heuristic, on, otherwise } of heuristics) {
        if (!on) continue;
        add(counted, heuristic);
        if (otherwise !== winner) add(decided, heuristic);
      }
    }
  }
  const heuristics = HEURISTICS.map((heuristic) => ({ heuristic, counted: counted.get(heuristic) ?? 0, decided: decided.get(heuristic) ?? 0 }));
  return { requests: decisions.length, choices, changed, heuristics };
}
