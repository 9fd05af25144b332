import type { Account } from '../choice/account.ts';
import { LANE_AT } from '../choice/lanes.ts';
import type { LiveFigures } from '../choice/live-figures.ts';
import type { Match } from '../routes.ts';

/** The part of an exchange that says at which account it holds a place: one at a time, and given back when the exchange ends, whatever happens. */
export interface Lease {
  readonly match: Match;
  countedAt: Account | null;
}

/** Counts an exchange at an account, and no longer at the one before. */
export function takePlace(lease: Lease, account: Account, live: LiveFigures): void {
  leavePlace(lease, live);
  lease.countedAt = account;
  live.begin(account.slot, LANE_AT[lease.match.surface.lane]);
}

/** Gives the place back; doing it again changes nothing. */
export function leavePlace(lease: Lease, live: LiveFigures): void {
  const { countedAt } = lease;
  if (countedAt === null) return;
  lease.countedAt = null;
  live.finish(countedAt.slot);
}
