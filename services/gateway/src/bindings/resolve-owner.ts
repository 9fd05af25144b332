import { SwitchyardError } from '@switchyard/contracts';
import type { Owner } from '../attempt/owner.ts';
import type { Snapshot } from '../choice/account.ts';
import type { Taken } from '../exchange.ts';
import type { Bindings } from './bindings.ts';
import type { Claims } from './claims.ts';
import type { Digest } from './digest.ts';
import type { BindingKind } from './kinds.ts';
import { resolveAffinity } from './resolve-affinity.ts';
import type { Affinity } from './resolve-affinity.ts';

export interface OwnerParts {
  readonly bindings: Bindings;
  /** A request has claims that lead to different accounts; the first in order of precedence decided. */
  readonly onDisagreement: (kind: BindingKind) => void;
}

/** The field that a refusal is about, of the claims that have one. */
const PARAMS: Partial<Readonly<Record<BindingKind, string>>> = { response: 'previous_response_id', call: 'input', encrypted: 'input' };

/**
 * The account that a request belongs to, when it continues something that we know of. A promise only when the database has to be asked for
 * what is not known here.
 * @returns null when any account may be asked
 * @throws SwitchyardError `not_found` for what belongs to another key, or to an account that this key may not use; `owner_unavailable`
 */
export function resolveOwner(exchange: Taken, snapshot: Snapshot, parts: OwnerParts): Owner | null | Promise<Owner | null> {
  const { match, facts, key } = exchange;
  const inPath = match.surface.name.startsWith('responses.') ? match.id : null;
  const claims = inPath === null ? facts!.claims : { ...(facts!.claims ?? NO_CLAIMS), previousResponse: inPath };
  if (claims === null) return null;
  const { bindings } = parts;
  const unbound: Digest[] = [];
  const affinity = resolveAffinity(claims, match.surface.lane, key.id, bindings, unbound);
  const wanted = affinity === 'foreign' ? [] : unbound.filter((digest) => bindings.isWorthReading(digest));
  if (wanted.length === 0) return ownerOf(affinity, exchange, snapshot, claims, inPath, parts);
  return bindings
    .readThrough(wanted)
    .then(() => ownerOf(resolveAffinity(claims, match.surface.lane, key.id, bindings, []), exchange, snapshot, claims, inPath, parts));
}

function ownerOf(
  affinity: Affinity | 'foreign' | null,
  exchange: Taken,
  snapshot: Snapshot,
  claims: Claims,
  inPath: string | null,
  parts: OwnerParts,
): Owner | null {
  if (affinity === 'foreign') throw notFound('response', claims, inPath);
  if (affinity === null) {
    // Not one of ours, so any account could have it; without one that could, there is nothing to ask.
    if (inPath !== null && snapshot.general.length === 0) throw notFound('response', claims, inPath);
    return null;
  }
  exchange.affinity = affinity;
  if (affinity.disagrees) parts.onDisagreement(affinity.kind);
  return affinity.strength === 'soft' ? preferred(exchange, affinity, snapshot) : required(exchange, affinity, snapshot, claims, inPath);
}

const NO_CLAIMS: Claims = { turnState: null, previousResponse: null, session: null, calls: null, encrypted: null, cacheKey: null };

/** A preference for an account that is gone, that the key may not use or that does not serve the model is none. */
function preferred({ key, facts }: Taken, { accountId, strength }: Affinity, snapshot: Snapshot): Owner | null {
  const account = snapshot.byId.get(accountId!);
  if (account === undefined || (key.accounts !== null && !key.accounts.has(account.id))) return null;
  const model = facts!.model;
  return model === null || account.models.includes(model) ? { account, strength } : null;
}

function required({ key }: Taken, { accountId, kind, strength }: Affinity, snapshot: Snapshot, claims: Claims, inPath: string | null): Owner {
  if (accountId === null) throw new SwitchyardError('owner_unavailable', 'Two accounts claim this conversation, so none of them is asked.');
  if (key.accounts !== null && !key.accounts.has(accountId)) throw notFound(kind, claims, inPath);
  const account = snapshot.byId.get(accountId);
  if (account === undefined) throw new SwitchyardError('owner_unavailable', 'The account that owns this conversation is not available.');
  return { account, strength };
}

/** What is another's, and what is not there, look the same. */
function notFound(kind: BindingKind, claims: Claims, inPath: string | null): SwitchyardError {
  const param = inPath === null ? PARAMS[kind] : undefined;
  return new SwitchyardError(
    'not_found',
    kind === 'response' ? `There is no response with the id \`${claims.previousResponse}\`.` : 'There is no conversation that this request could continue.',
    param === undefined ? {} : { param },
  );
}
