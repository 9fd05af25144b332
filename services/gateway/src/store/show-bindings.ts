import type { Pool } from 'pg';
import type { Digest } from '../bindings/digest.ts';
import { kindOfCode } from '../bindings/kinds.ts';
import type { BindingKind } from '../bindings/kinds.ts';
import { BINDING_STATE } from './binding-state.ts';
import type { BindingState } from './binding-state.ts';

const SHOWN = `encode(b.digest, 'hex') as digest, b.kind as code, ${BINDING_STATE} as state, nullif(b.account_id, '') as account_id, a.name as account,
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

/** Without those of kinds that a later version made. */
function known(rows: readonly Row[]): ShownBinding[] {
  return rows.flatMap(({ code, digest, ...rest }) => {
    const kind = kindOfCode(code);
    return kind === undefined ? [] : [{ digest, kind, ...rest }];
  });
}
