import type { Account, Snapshot } from './account.ts';
import { chooseAccount } from './choose-account.ts';
import type { Query } from './choose-account.ts';
import type { LiveFigures } from './live-figures.ts';
import { DEFERRED } from './standing.ts';

/**
 * Whether a conversation goes back to the account to which it should return, though another would be chosen now: moving it costs what the
 * upstream has cached. It stays while the account can take it and its quota is not critical while a ready one is at hand; with all of
 * them short of quota nobody moves.
 */
export function keepsOwner(snapshot: Snapshot, live: LiveFigures, owner: Account, query: Query): boolean {
  const { model, lane, key } = query;
  const serves = snapshot.byId.get(owner.id) === owner && (model === null ? owner.kind !== 'sandbox' : owner.models.includes(model));
  if (!serves || (key.accounts !== null && !key.accounts.has(owner.id))) return false;
  if (live.tier(owner.slot, lane) >= DEFERRED) return false;
  if (live.band(owner.slot, lane) !== 'critical') return true;
  const best = chooseAccount(snapshot, live, query).account;
  return best === null || best === owner || live.tier(best.slot, lane) >= DEFERRED || live.band(best.slot, lane) !== 'ready';
}
