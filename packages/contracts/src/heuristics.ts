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
