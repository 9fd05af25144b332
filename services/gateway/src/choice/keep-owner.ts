import { servesModel } from './account.ts';
import type { Account, Snapshot } from './account.ts';
import { candidatesOf, chooseAccount } from './choose-account.ts';
import type { Query } from './choose-account.ts';
import type { LiveFigures } from './live-figures.ts';
import { DEFERRED } from './standing.ts';

/**
 * Whether a conversation goes back to the account to which it should return, though another would be chosen now: moving it costs what the
 * upstream has cached. It stays while the account can take it and its quota is not critical while a ready one is at hand; with all of
 * them short of quota nobody moves.
 */
export function keepsOwner(snapshot: Snapshot, live: LiveFigures, owner: Account, query: Query): boolean {
  const { lane } = query;
  const order = live.orderOf(snapshot);
  if (!couldServe(snapshot, owner, query) || order.tier(owner.slot, lane) >= DEFERRED) return false;
  if (live.band(owner.slot, lane) !== 'critical') return true;
  const best = chooseAccount(snapshot, live, query).account;
  return best === null || best === owner || order.tier(best.slot, lane) >= DEFERRED || live.band(best.slot, lane) !== 'ready';
}

/**
 * Whether a prompt goes to the account that was sent one with the same cache key: as the strategy says, before all that can serve, or only
 * before those that are its equals but for whose turn it is.
 */
export function keepsCache(snapshot: Snapshot, live: LiveFigures, owner: Account, query: Query): boolean {
  const order = live.orderOf(snapshot);
  if (order.cache === 'first') return keepsOwner(snapshot, live, owner, query);
  if (order.cache === 'none' || !couldServe(snapshot, owner, query)) return false;
  const best = chooseAccount(snapshot, live, query).account;
  return best !== null && order.compareWithoutTurn(owner.slot, best.slot, query.lane) === 0;
}

/**
 * Why a request goes back to an account that it only prefers, before any choice.
 * @param kind  Of the id that leads there.
 * @returns null when it does not go back
 */
export function returnsBy(kind: string | undefined, snapshot: Snapshot, live: LiveFigures, owner: Account, query: Query): 'kept' | 'cache' | null {
  if (kind === 'cache') return keepsCache(snapshot, live, owner, query) ? 'cache' : null;
  return live.uses.warm_conversation && keepsOwner(snapshot, live, owner, query) ? 'kept' : null;
}

/**
 * Who would have been chosen, had a request not gone back to an account that it prefers; undefined when it is the same one.
 */
export function chosenInstead(snapshot: Snapshot, live: LiveFigures, owner: Account, query: Query): string | undefined {
  if (candidatesOf(snapshot, query.model).length < 2) return undefined;
  const { account } = chooseAccount(snapshot, live, query);
  return account === null || account === owner ? undefined : account.name;
}

function couldServe({ byId }: Snapshot, owner: Account, { model, key }: Query): boolean {
  return byId.get(owner.id) === owner && servesModel(owner, model) && (key.accounts === null || key.accounts.has(owner.id));
}
