/**
 * What a choice goes by beyond what operators say themselves (priorities, limits, reserves, the strategy). Each has its switch, the setting
 * `choice.<name>`, and decisions tell which of them made the difference.
 * @see product section 3
 */
export const HEURISTICS = [
  'quota_band',
  'quota_pressure',
  'fresh_quota',
  'in_flight',
  'health',
  'bad_pairing',
  'latency',
  'circuit',
  'prompt_cache',
  'warm_conversation',
  'last_chosen',
] as const;
export type Heuristic = (typeof HEURISTICS)[number];

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
