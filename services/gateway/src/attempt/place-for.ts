import { SwitchyardError } from '@switchyard/contracts';
import { shedRank } from '../admission/shed.ts';
import type { Account } from '../choice/account.ts';
import { candidatesOf } from '../choice/choose-account.ts';
import { LANE_AT } from '../choice/lanes.ts';
import type { Pool } from '../choice/pool.ts';
import type { Taken } from '../exchange.ts';
import type { Owner } from './owner.ts';
import type { AttemptParts } from './run-attempts.ts';

/**
 * Waits for a place at an account, when whoever could serve a request has as many as it may have.
 * @param only  The one account that may be asked; null when it is any that could serve it.
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
  if (only !== null) return places.wait(exchange, [only], null);
  const mayServe = (account: Account): boolean => (key.accounts === null || key.accounts.has(account.id)) && !tried.includes(account);
  const full = [pool, ...(pool.fallback ?? [])].flatMap(({ members }) => {
    const order = live.orderOf(members);
    return candidatesOf(members, model).filter((account) => mayServe(account) && order.standing(account.slot, LANE_AT[lane]) === 'hard_full');
  });
  return places.wait(exchange, full, shedRank(lane, owner === null ? 'fresh' : 'soft'));
}

/** The refusal of a conversation whose owner has had no room in time. */
export function ownerFull(): SwitchyardError {
  return new SwitchyardError('server_is_overloaded', 'The account that owns this conversation has as many requests as it may have.');
}
