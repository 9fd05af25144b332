import type { Owner } from '../attempt/owner.ts';
import type { Lane } from '../routes.ts';
import type { Bindings } from './bindings.ts';
import type { ClaimedId, Claims } from './claims.ts';
import { digestOf } from './digest.ts';
import type { Digest } from './digest.ts';
import type { BindingKind } from './kinds.ts';
import { LIFE } from './life.ts';
import type { LifeState } from './life.ts';
import { NOBODY } from './merge.ts';

interface PrecedenceRow {
  readonly kind: BindingKind;
  readonly by: ClaimedId;
  readonly strength: Owner['strength'];
  /** Only for a request that asks for a compaction, or that goes on from one. */
  readonly only?: 'compact' | 'follow_up';
  /** Only when the request has this claim, too. */
  readonly with?: ClaimedId;
}

/**
 * Which claim decides: the first that is bound. Hard ones stand first, each more exact than the next; a preference never overrules one.
 * Encrypted items that we never saw belong to the account of the session that they came from.
 * @see product section 4
 */
const PRECEDENCE: readonly PrecedenceRow[] = [
  { kind: 'lineage_turn', by: 'turnState', strength: 'hard' },
  { kind: 'lineage_session', by: 'session', strength: 'hard', only: 'follow_up' },
  { kind: 'turn_state', by: 'turnState', strength: 'hard' },
  { kind: 'response', by: 'previousResponse', strength: 'hard' },
  { kind: 'call', by: 'calls', strength: 'hard' },
  { kind: 'conversation', by: 'conversation', strength: 'hard' },
  { kind: 'file', by: 'files', strength: 'hard' },
  { kind: 'encrypted', by: 'encrypted', strength: 'firm' },
  { kind: 'session', by: 'session', strength: 'hard', only: 'compact' },
  { kind: 'session', by: 'session', strength: 'firm', with: 'encrypted' },
  { kind: 'session', by: 'session', strength: 'soft' },
  { kind: 'cache', by: 'cacheKey', strength: 'soft' },
];

/** Where a request belongs, and how we know. */
export interface Affinity {
  readonly kind: BindingKind;
  /** `none`: what it claims has been given up, so that it begins anew at any account. */
  readonly strength: Owner['strength'] | 'none';
  /** The owner; null when two accounts claim the id, which nobody may answer then, and without one. */
  readonly accountId: string | null;
  readonly state: LifeState;
  /** Another claim of the request leads to another account. */
  readonly disagrees: boolean;
  /** That other claim is an encrypted item: the owner cannot open it. */
  readonly isSealedElsewhere: boolean;
  readonly digest: Digest;
}

type Decided = Omit<Affinity, 'disagrees' | 'isSealedElsewhere'>;

/** Something of another namespace. To whoever asks, that does not exist. */
export interface Foreign {
  readonly foreign: BindingKind;
}

/**
 * Finds the account that the claims of a request lead to. Pure on what is in memory.
 * @param unbound  Gets the digests of what is claimed strictly and not bound here: the database may know more.
 * @returns null when none of them is bound
 */
export function resolveAffinity(claims: Claims, lane: Lane, namespace: string, bindings: Bindings, unbound: Digest[]): Affinity | Foreign | null {
  let decided: Decided | null = null;
  let givenUp: Decided | null = null;
  let disagrees = false;
  let isSealedElsewhere = false;
  for (const row of PRECEDENCE) {
    if (!applies(row, claims, lane) || (decided !== null && row.strength === 'soft')) continue;
    for (const id of idsOf(claims[row.by])) {
      const digest = digestOf(row.kind, namespace, row.kind === 'call' ? claims.session : null, id);
      const found = bindings.find(row.kind, digest);
      if (found === undefined) {
        if (row.strength === 'soft') continue;
        if (givenUp === null && bindings.isDead(row.kind, digest)) givenUp = { kind: row.kind, strength: 'none', accountId: null, state: LIFE.dead, digest };
        else unbound.push(digest);
        continue;
      }
      // Also behind a claim that has decided already: the account that it leads to may be the owner.
      if (found.namespace !== namespace) return { foreign: row.kind };
      const accountId = found.owner === NOBODY ? null : found.owner;
      // A preference for nobody is none; what only its owner may answer has none to be asked.
      if (accountId === null && row.strength === 'soft') continue;
      if (decided === null) decided = { kind: row.kind, strength: strengthOf(row, claims), accountId, state: found.state, digest };
      else if (accountId !== null && accountId !== decided.accountId) {
        disagrees = true;
        isSealedElsewhere ||= row.kind === 'encrypted';
      }
    }
  }
  const affinity = decided ?? givenUp;
  return affinity === null ? null : { ...affinity, disagrees, isSealedElsewhere };
}

function applies(row: PrecedenceRow, claims: Claims, lane: Lane): boolean {
  if (row.with !== undefined && claims[row.with] === null) return false;
  if (row.only === 'compact') return lane === 'compact' || claims.isCompact;
  return row.only === undefined || claims.isFollowUp || lane === 'compact' || claims.isCompact;
}

/** What goes on from a response, a turn or a call has state at its owner that no other has, also when that binding is not known any more. */
function strengthOf({ strength }: PrecedenceRow, { previousResponse, turnState, calls }: Claims): Owner['strength'] {
  return strength === 'firm' && (previousResponse !== null || turnState !== null || calls !== null) ? 'hard' : strength;
}

function idsOf(claim: Claims[ClaimedId]): readonly string[] {
  return claim === null ? NONE : typeof claim === 'string' ? [claim] : claim;
}

const NONE: readonly string[] = [];
