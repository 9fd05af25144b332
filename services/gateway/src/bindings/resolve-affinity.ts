import type { Owner } from '../attempt/owner.ts';
import type { Lane } from '../routes.ts';
import type { Bindings } from './bindings.ts';
import type { Claims } from './claims.ts';
import { digestOf } from './digest.ts';
import type { Digest } from './digest.ts';
import { BINDING_KINDS } from './kinds.ts';
import type { BindingKind } from './kinds.ts';
import { NOBODY } from './merge.ts';

interface PrecedenceRow {
  readonly kind: BindingKind;
  readonly by: keyof Claims;
  readonly strength: Owner['strength'];
  /** Only on this lane. */
  readonly lane?: Lane;
  /** Only when the request has this claim, too. */
  readonly with?: keyof Claims;
}

/**
 * Which claim decides: the first that is bound. Hard ones stand first, each more exact than the next; a preference never overrules one.
 * Encrypted items that we never saw belong to the account of the session that they came from.
 * @see product section 4
 */
const PRECEDENCE: readonly PrecedenceRow[] = [
  { kind: 'turn_state', by: 'turnState', strength: 'hard' },
  { kind: 'response', by: 'previousResponse', strength: 'hard' },
  { kind: 'call', by: 'calls', strength: 'hard' },
  { kind: 'encrypted', by: 'encrypted', strength: 'firm' },
  { kind: 'session', by: 'session', strength: 'hard', lane: 'compact' },
  { kind: 'session', by: 'session', strength: 'firm', with: 'encrypted' },
  { kind: 'session', by: 'session', strength: 'soft' },
  { kind: 'cache', by: 'cacheKey', strength: 'soft' },
];

/** Where a request belongs, and how we know. */
export interface Affinity {
  readonly kind: BindingKind;
  readonly strength: Owner['strength'];
  /** The owner; null when two accounts claim the id, which nobody may answer then. */
  readonly accountId: string | null;
  /** Another claim of the request leads to another account. */
  readonly disagrees: boolean;
  readonly digest: Digest;
}

/**
 * Finds the account that the claims of a request lead to. Pure on what is in memory.
 * @param unbound  Gets the digests of what is claimed strictly and not bound here: the database may know more.
 * @returns null when none of them is bound; `foreign` when one names something of another namespace: to whoever asks, that does not exist
 */
export function resolveAffinity(claims: Claims, lane: Lane, namespace: string, bindings: Bindings, unbound: Digest[]): Affinity | 'foreign' | null {
  let decided: Omit<Affinity, 'disagrees'> | null = null;
  let disagrees = false;
  for (const row of PRECEDENCE) {
    if ((row.lane !== undefined && row.lane !== lane) || (row.with !== undefined && claims[row.with] === null)) continue;
    if (decided !== null && row.strength === 'soft') continue;
    for (const id of idsOf(claims[row.by])) {
      const digest = digestOf(row.kind, namespace, row.kind === 'call' ? claims.session : null, id);
      const found = bindings.find(row.kind, digest);
      if (found === undefined) {
        if (row.strength !== 'soft') unbound.push(digest);
        continue;
      }
      // Also behind a claim that has decided already: the account that it leads to may be the owner.
      if (found.namespace !== namespace) return 'foreign';
      const accountId = found.owner === NOBODY ? null : found.owner;
      if (accountId === null && BINDING_KINDS[row.kind].moves) continue;
      if (decided === null) decided = { kind: row.kind, strength: row.strength, accountId, digest };
      else if (accountId !== decided.accountId) disagrees = true;
    }
  }
  return decided === null ? null : { ...decided, disagrees };
}

function idsOf(claim: Claims[keyof Claims]): readonly string[] {
  return claim === null ? NONE : typeof claim === 'string' ? [claim] : claim;
}

const NONE: readonly string[] = [];
