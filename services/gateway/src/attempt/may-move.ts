import type { Claims, ClaimedId } from '../bindings/claims.ts';
import type { Pool } from '../choice/pool.ts';
import type { Owner } from './owner.ts';

/** What only the account knows that made it. */
const HOLDING: readonly ClaimedId[] = ['previousResponse', 'turnState', 'calls', 'conversation', 'files'];

/**
 * Whether a conversation may leave its account when that is out of quota: where the pool says so, and never one that goes on from what only its
 * account knows (product section 4).
 */
export function mayMove({ strength }: Owner, { movesExhausted }: Pool, claims: Claims | null): boolean {
  return strength === 'firm' && movesExhausted && claims !== null && HOLDING.every((name) => claims[name] === null);
}
