/** The orders in which accounts can be asked (product section 3); what each means is with the choice itself. */
export const CHOICE_STRATEGIES = [
  'balance',
  'cache_first',
  'performance_first',
  'priority',
  'round_robin',
  'least_used',
  'drain_first',
  'soonest_reset',
] as const;
export type ChoiceStrategy = (typeof CHOICE_STRATEGIES)[number];
