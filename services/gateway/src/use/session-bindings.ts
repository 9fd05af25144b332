import { SwitchyardError } from '@switchyard/contracts';
import type { Kysely } from 'kysely';
import type { Pool } from 'pg';
import type { BindingRow } from '../bindings/bindings.ts';
import { digestOf } from '../bindings/digest.ts';
import type { Digest } from '../bindings/digest.ts';
import { BINDING_KINDS, KINDS } from '../bindings/kinds.ts';
import type { BindingKind, KindLimits } from '../bindings/kinds.ts';
import { LIFE } from '../bindings/life.ts';
import { ENDED } from '../bindings/merge.ts';
import { BINDING_STATES } from '../store/binding-state.ts';
import type { BindingState } from '../store/binding-state.ts';
import { findBindings } from '../store/bindings.ts';
import { countBindings } from '../store/count-bindings.ts';
import { listKeys } from '../store/keys.ts';
import type { DB } from '../store/schema.gen.ts';
import { listConflicts, showBindings } from '../store/show-bindings.ts';
import type { ShownBinding } from '../store/show-bindings.ts';
import { writeJournal } from '../store/write-journal.ts';

export interface SessionParts {
  readonly db: Kysely<DB>;
  readonly pool: Pool;
  readonly wallClockMs: () => number;
}

/** An id as a client sends it, or the digest under which it is kept. */
export interface SoughtId {
  readonly id: string;
  /** Narrows calls, whose ids repeat: the session that one was made in. */
  readonly session: string | null;
}

export interface BindingView extends Omit<ShownBinding, 'bound_at' | 'used_at'> {
  readonly bound_at: string;
  readonly used_at: string;
}

export type KindCounts = { readonly kind: BindingKind; readonly limit: number } & Readonly<Record<BindingState, number>>;

export interface SessionBindings {
  readonly kinds: readonly KindCounts[];
  /** Ids that two accounts claim, the last used first; at most so many. */
  readonly conflicts: readonly BindingView[];
  /** What the id asked for is bound by; null when none was. */
  readonly found: readonly BindingView[] | null;
}

const MOST_CONFLICTS = 100;
/** Kinds that are kept in the database under an id that a client sends as it is. */
const SOUGHT = KINDS.filter((kind) => BINDING_KINDS[kind].durable && kind !== 'encrypted');
const DIGEST = /^[0-9a-f]{32}$/i;
/** Who has ended a binding, where processes name themselves. */
const OPERATOR = 'operator';

/** What conversations are recognised by: counts, conflicts, and what one id is bound to. */
export async function showSessionBindings(parts: SessionParts, limits: KindLimits, sought: SoughtId | null): Promise<SessionBindings> {
  const conflicts = await listConflicts(parts.pool, MOST_CONFLICTS);
  return {
    kinds: await countsByKind(parts.pool, limits),
    conflicts: conflicts.map(view),
    found: sought === null ? null : (await showBindings(parts.pool, await digestsOf(parts, sought))).map(view),
  };
}

/** How many bindings of each durable kind there are, by where they stand, and how many there may be. */
export async function countsByKind(pool: Pool, limits: KindLimits): Promise<KindCounts[]> {
  const counts = await countBindings(pool);
  return KINDS.filter((kind) => BINDING_KINDS[kind].durable).map((kind) => {
    const of = counts.get(kind);
    const states = Object.fromEntries(BINDING_STATES.map((state) => [state, of?.get(state) ?? 0])) as Record<BindingState, number>;
    return { kind, limit: limits[kind], ...states };
  });
}

/**
 * Ends what an id is bound to, or the conflict over it: from now on it is one that continues nothing known, in every process on the
 * database. It is ended by a later epoch and not deleted, so that what another process still writes of it cannot bring it back.
 * @param taken  Told of it, so that it holds in this process before the caller is answered.
 * @returns what was ended
 * @throws SwitchyardError `not_found`
 */
export async function forgetSessionBindings(parts: SessionParts, sought: SoughtId, taken: (rows: readonly BindingRow[]) => void): Promise<BindingView[]> {
  const digests = await digestsOf(parts, sought);
  const known = (
    await findBindings(
      parts.pool,
      digests.map((digest) => digest.toString('base64')),
    )
  ).filter(({ state }) => state !== LIFE.dead);
  if (known.length === 0) throw new SwitchyardError('not_found', `Nothing is bound by the id "${sought.id}".`);
  const shown = await showBindings(
    parts.pool,
    known.map(({ digest }) => Buffer.from(digest, 'base64')),
  );
  const nowS = Math.floor(parts.wallClockMs() / 1_000);
  const rows = known.map((row): BindingRow => ({ ...row, owner: ENDED, epoch: row.epoch + 1, state: LIFE.dead, stateAtS: nowS, touchedAtS: nowS }));
  await writeJournal(parts.pool, OPERATOR, [], rows, true);
  taken(rows);
  return shown.map(view);
}

async function digestsOf({ db }: SessionParts, { id, session }: SoughtId): Promise<Digest[]> {
  const namespaces = (await listKeys(db, 'all')).map((key) => key.id);
  const digests = SOUGHT.flatMap((kind) => {
    const scopes = BINDING_KINDS[kind].scope === 'global' ? [''] : namespaces;
    const sessions = kind === 'call' && session !== null ? [null, session] : [null];
    return scopes.flatMap((namespace) => sessions.map((within) => digestOf(kind, namespace, within, id)));
  });
  return DIGEST.test(id) ? [...digests, Buffer.from(id, 'hex')] : digests;
}

function view({ bound_at: boundAt, used_at: usedAt, ...rest }: ShownBinding): BindingView {
  return { ...rest, bound_at: boundAt.toISOString(), used_at: usedAt.toISOString() };
}
