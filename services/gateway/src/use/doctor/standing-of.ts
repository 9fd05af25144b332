import type { Account } from '../../choice/account.ts';
import { LANE_AT } from '../../choice/lanes.ts';
import type { LiveFigures } from '../../choice/live-figures.ts';
import { LANES } from '../../routes.ts';
import type { AccountStanding } from './facts.ts';

/** How an account stands, on the lane on which it stands worst. */
export function standingOf({ name, kind, source, slot }: Pick<Account, 'name' | 'kind' | 'source' | 'slot'>, live: LiveFigures): AccountStanding {
  const worst = LANES.map((lane) => LANE_AT[lane]).reduce((a, b) => (live.tier(slot, b) > live.tier(slot, a) ? b : a));
  return {
    name,
    kind,
    source,
    standing: live.standing(slot, worst),
    open: LANES.filter((lane) => live.isCircuitOpen(slot, LANE_AT[lane])),
    reason: live.failedOf(slot, worst),
    backInMs: Math.max(0, live.backInMs(slot, worst)),
  };
}
