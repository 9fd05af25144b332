import { shedRank } from '../admission/shed.ts';
import { servesModel } from '../choice/account.ts';
import type { Account } from '../choice/account.ts';
import { LANE_AT } from '../choice/lanes.ts';
import type { Pool } from '../choice/pool.ts';
import { CLOSED } from '../choice/standing.ts';
import { Unserved } from '../choice/unserved.ts';
import type { Taken } from '../exchange.ts';
import type { Owner } from './owner.ts';
import type { AttemptParts } from './attempt-parts.ts';

/**
 * Waits for a place at an account, when whoever could serve a request has as many as it may have. Which accounts that are is asked only of
 * those that come free, so that waiting costs the same however many there are.
 * @param only  The one account that may be asked, whatever it has left for others; null when it is any that could serve it.
 * @returns the account, at which the exchange holds a place now; null when none came free in time, or the client left
 */
export function placeFor(
  exchange: Taken,
  only: Account | null,
  owner: Owner | null,
  pool: Pool,
  tried: readonly Account[],
  { live, places }: Pick<AttemptParts, 'live' | 'places'>,
): Promise<Account | null> {
  const { key, model, match } = exchange;
  const { lane } = match.surface;
  if (only !== null) return places.wait(exchange, (slot) => (slot === only.slot && !live.isFull(slot) ? only : null), null);
  const pools = [pool, ...(pool.fallback ?? [])];
  const mayTake = (slot: number): Account | null => {
    for (const { members } of pools) {
      const account = members.bySlot.get(slot);
      if (account === undefined || !servesModel(account, model) || (key.accounts !== null && !key.accounts.has(account.id))) continue;
      if (!tried.includes(account) && live.orderOf(members).tier(slot, LANE_AT[lane]) < CLOSED) return account;
    }
    return null;
  };
  return places.wait(exchange, mayTake, shedRank(lane, owner === null ? 'fresh' : 'soft'));
}

/** The refusal of a conversation whose owner has had no room in time. */
export function ownerFull({ name }: Account): Unserved {
  return new Unserved('server_is_overloaded', 'owner_full', 'The account that owns this conversation has as many requests as it may have.', { account: name });
}
