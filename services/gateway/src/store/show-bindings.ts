import type { Pool } from 'pg';
import type { Digest } from '../bindings/digest.ts';
import { kindOfCode } from '../bindings/kinds.ts';
import type { BindingKind } from '../bindings/kinds.ts';
import { GRACE_S, VERIFIED_S } from '../bindings/life.ts';

/** Where a binding stands; a conflict has no owner. */
export const BINDING_STATES = ['warm', 'verified', 'suspect', 'dead', 'conflict'] as const;
export type BindingState = (typeof BINDING_STATES)[number];

// The same as `lifeAt`: some states end by themselves.
const STATE = `case when b.account_id = '' then 'conflict' when b.state = 3 then 'dead'
  when b.state = 1 and b.touched_at >= now() - interval '${VERIFIED_S} seconds' then 'verified'
  when b.state = 2 and b.state_at >= now() - interval '${GRACE_S} seconds' then 'suspect' else 'warm' end`;

const SHOWN = `encode(b.digest, 'hex') as digest, b.kind as code, ${STATE} as state, nullif(b.account_id, '') as account_id, a.name as account,
  nullif(b.namespace, '') as key_id, k.name as key, b.misses, b.epoch as moves, b.bound_at, b.touched_at as used_at
  from gateway.binding b left join gateway.account a on a.id = b.account_id left join gateway.key k on k.id = b.namespace`;

/** A binding as people are shown it: never the id, of which only a digest is kept. */
export interface ShownBinding {
  /** In hexadecimal. */
  readonly digest: string;
  readonly kind: BindingKind;
  readonly state: BindingState;
  readonly account_id: string | null;
  readonly account: string | null;
  readonly key_id: string | null;
  readonly key: string | null;
  /** How often the owner has denied the id since it last took it. */
  readonly misses: number;
  /** How often it was moved to another account. */
  readonly moves: number;
  readonly bound_at: Date;
  readonly used_at: Date;
}

type Row = Omit<ShownBinding, 'kind'> & { readonly code: number };

/** Bindings of these digests; those that there are. */
export async function showBindings(pool: Pool, digests: readonly Digest[]): Promise<ShownBinding[]> {
  const { rows } = await pool.query<Row>(`select ${SHOWN} where b.digest = any($1::bytea[]) order by b.kind, b.touched_at desc`, [digests]);
  return known(rows);
}

/** Ids that two accounts claim, the last used first. */
export async function listConflicts(pool: Pool, most: number): Promise<ShownBinding[]> {
  const { rows } = await pool.query<Row>(`select ${SHOWN} where b.account_id = '' order by b.touched_at desc limit $1`, [most]);
  return known(rows);
}

/** Accounts that something is bound to, and that do not exist; the most bound to first. */
export async function countMissingOwners(pool: Pool): Promise<{ account_id: string; count: number }[]> {
  const { rows } = await pool.query<{ account_id: string; count: number }>(
    `select b.account_id, count(*)::int as count from gateway.binding b
     where b.account_id <> '' and b.state <> 3 and not exists (select from gateway.account a where a.id = b.account_id)
     group by 1 order by 2 desc, 1 limit 10`,
  );
  return rows;
}

/** The clock of the database, in epoch milliseconds. */
export async function readClockMs(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ ms: number }>('select extract(epoch from clock_timestamp())::float8 * 1000 as ms');
  return rows[0]!.ms;
}

/** How many bindings there are of each kind and state. */
export async function countBindings(pool: Pool): Promise<Map<BindingKind, Map<BindingState, number>>> {
  const { rows } = await pool.query<{ code: number; state: BindingState; count: number }>(
    `select b.kind as code, ${STATE} as state, count(*)::int as count from gateway.binding b group by 1, 2`,
  );
  const counts = new Map<BindingKind, Map<BindingState, number>>();
  for (const { code, state, count } of rows) {
    const kind = kindOfCode(code);
    if (kind === undefined) continue;
    const of = counts.get(kind) ?? new Map<BindingState, number>();
    counts.set(kind, of.set(state, count));
  }
  return counts;
}

/** Without those of kinds that a later version made. */
function known(rows: readonly Row[]): ShownBinding[] {
  return rows.flatMap(({ code, digest, ...rest }) => {
    const kind = kindOfCode(code);
    return kind === undefined ? [] : [{ digest, kind, ...rest }];
  });
}
