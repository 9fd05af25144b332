import { HEURISTICS } from '@switchyard/contracts';
import type { Heuristic } from '@switchyard/contracts';

/** Which of them count. */
export type Heuristics = Readonly<Record<Heuristic, boolean>>;

/** As shipped: all of them. */
export const ALL_HEURISTICS = heuristicsWhere(() => true);

export function heuristicsWhere(counts: (name: Heuristic) => boolean): Heuristics {
  return Object.fromEntries(HEURISTICS.map((name) => [name, counts(name)])) as Heuristics;
}

/** Those that do not count, as decisions keep them; undefined when all do. */
export function switchedOff(uses: Heuristics): readonly Heuristic[] | undefined {
  const off = HEURISTICS.filter((name) => !uses[name]);
  return off.length === 0 ? undefined : off;
}
