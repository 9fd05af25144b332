import { SwitchyardError } from '@switchyard/contracts';
import type { Owner } from '../attempt/owner.ts';
import type { Snapshot } from '../choice/account.ts';
import { Unserved } from '../choice/unserved.ts';
import type { KeyRecord } from '../edge/key-table.ts';
import type { Taken } from '../exchange.ts';
import type { Match } from '../routes.ts';
import type { Bindings } from './bindings.ts';
import { NO_CLAIMS } from './claims.ts';
import type { Claims } from './claims.ts';
import type { Digest } from './digest.ts';
import type { BindingKind } from './kinds.ts';
import { resolveAffinity } from './resolve-affinity.ts';
import type { Affinity, Foreign } from './resolve-affinity.ts';
import type { TurnStates } from './turn-states.ts';

export interface OwnerParts {
  readonly bindings: Bindings;
  readonly turnStates: TurnStates;
  /** A request has claims that lead to different accounts; the first in order of precedence decided. */
  readonly onDisagreement: (kind: BindingKind) => void;
  /** The owner has lately said that it does not know what the request goes on from. */
  readonly onDeniedLately: () => void;
}

/** What a request continues, and what is known of that. */
export interface Continued extends Affinity {
  /** This process had not heard of it, and has looked it up in the database. */
  readonly wasRead: boolean;
  /** The turn state that the response came with, when the request has none: to ask its owner with, should it not find the response. */
  readonly turnState: string | null;
}

/** A request whose owner is looked for: what it is, and what is found out of it. */
export interface Asking extends Pick<Taken, 'match' | 'model' | 'affinity' | 'decision'> {
  readonly facts: { readonly claims: Claims | null } | null;
  readonly key: Pick<KeyRecord, 'id' | 'accounts' | 'pool'>;
}

/** The field that a refusal is about, of the claims that have one. */
const PARAMS: Partial<Readonly<Record<BindingKind, string>>> = {
  response: 'previous_response_id',
  call: 'input',
  conversation: 'conversation',
  file: 'file_id',
  encrypted: 'input',
};

/**
 * The account that a request belongs to, when it continues something that we know of. A promise only when the database has to be asked for
 * what is not known here.
 * @returns null when any account may be asked
 * @throws SwitchyardError `not_found` for what belongs to another key, or to an account that this key may not use; `owner_unavailable`
 */
export function resolveOwner(exchange: Asking, snapshot: Snapshot, parts: OwnerParts): Owner | null | Promise<Owner | null> {
  const { match, facts, key } = exchange;
  const claims = match.surface.names === undefined ? facts!.claims : { ...(facts!.claims ?? NO_CLAIMS), ...claimOfPath(match) };
  if (claims === null) return null;
  const { bindings } = parts;
  const unbound: Digest[] = [];
  const affinity = resolveAffinity(claims, match.surface.lane, key.id, bindings, unbound);
  const wanted = affinity !== null && 'foreign' in affinity ? [] : unbound.filter((digest) => bindings.isWorthReading(digest));
  if (wanted.length === 0) return ownerOf(affinity, exchange, snapshot, claims, false, parts);
  return bindings
    .readThrough(wanted)
    .then(() => ownerOf(resolveAffinity(claims, match.surface.lane, key.id, bindings, []), exchange, snapshot, claims, true, parts));
}

function claimOfPath({ surface, id }: Match): Partial<Claims> {
  switch (surface.names!) {
    case 'response':
      return { previousResponse: id };
    case 'file':
      return { files: [id!] };
    case 'conversation':
      return { conversation: id };
  }
}

function ownerOf(affinity: Affinity | Foreign | null, exchange: Asking, snapshot: Snapshot, claims: Claims, wasRead: boolean, parts: OwnerParts): Owner | null {
  const { surface } = exchange.match;
  if (affinity !== null && 'foreign' in affinity) throw notFound(affinity.foreign, exchange.match, claims);
  if (affinity === null || affinity.strength === 'none') {
    // Not one of ours, so any account could have it; without one that could, there is nothing to ask.
    if (surface.names !== undefined && snapshot.general.length === 0) throw notFound(surface.names, exchange.match, claims);
    if (affinity !== null) exchange.affinity = { ...affinity, wasRead, turnState: null };
    return null;
  }
  const { digest, kind, strength } = affinity;
  const isResponse = kind === 'response';
  exchange.affinity = { ...affinity, wasRead, turnState: isResponse && claims.turnState === null ? parts.turnStates.get(digest) : null };
  if (affinity.disagrees) parts.onDisagreement(kind);
  if (strength === 'soft') return preferred(exchange, affinity, strength, snapshot);
  // For the record, should it end here.
  exchange.decision = { snapshot: snapshot.version, pool: exchange.key.pool ?? undefined, attempts: [] };
  const account = required(exchange, affinity, snapshot, claims);
  if (!isResponse || !parts.bindings.wasDenied(digest, account.id, surface.lane)) return { account, strength };
  parts.onDeniedLately();
  return { account, strength, wasDenied: true };
}

/** A preference for an account that is gone, that the key may not use or that does not serve the model is none. */
function preferred({ key, model }: Asking, { accountId }: Affinity, strength: Owner['strength'], snapshot: Snapshot): Owner | null {
  const account = snapshot.byId.get(accountId!);
  if (account === undefined || (key.accounts !== null && !key.accounts.has(account.id))) return null;
  return model === null || account.models.includes(model) ? { account, strength } : null;
}

function required({ key, match }: Asking, { accountId, kind }: Affinity, snapshot: Snapshot, claims: Claims): Owner['account'] {
  if (accountId === null) throw new Unserved('owner_unavailable', 'owner_claimed_twice', 'Two accounts claim this conversation, so none of them is asked.');
  const account = snapshot.byId.get(accountId);
  if (key.accounts !== null && !key.accounts.has(accountId))
    throw new Unserved('not_found', 'owner_not_for_key', absence(kind, claims), { ...paramOf(kind, match), account: account?.name });
  if (account !== undefined) return account;
  const off = snapshot.off.find(({ id }) => id === accountId);
  throw new Unserved('owner_unavailable', off === undefined ? 'owner_gone' : 'owner_needs_login', 'The account that owns this conversation is not available.', {
    account: off?.name,
  });
}

/** What is another's, and what is not there, look the same. */
function notFound(kind: BindingKind, match: Match, claims: Claims): SwitchyardError {
  return new SwitchyardError('not_found', absence(kind, claims), paramOf(kind, match));
}

function paramOf(kind: BindingKind, { surface }: Match): { readonly param?: string } {
  const param = surface.names === undefined ? PARAMS[kind] : undefined;
  return param === undefined ? {} : { param };
}

function absence(kind: BindingKind, { previousResponse, conversation, files }: Claims): string {
  if (kind === 'response' && previousResponse !== null) return `There is no response with the id \`${previousResponse}\`.`;
  if (kind === 'conversation') return `There is no conversation with the id \`${conversation}\`.`;
  if (kind === 'file') return files?.length === 1 ? `There is no file with the id \`${files[0]}\`.` : 'There is no file with one of these ids.';
  return 'There is no conversation that this request could continue.';
}
