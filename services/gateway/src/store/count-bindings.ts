import type { Pool } from 'pg';
import { kindOfCode } from '../bindings/kinds.ts';
import type { BindingKind } from '../bindings/kinds.ts';
import { BINDING_STATE } from './binding-state.ts';
import type { BindingState } from './binding-state.ts';

/** How many bindings there are of each kind and state. */
export async function countBindings(pool: Pool): Promise<Map<BindingKind, Map<BindingState, number>>> {
  const { rows } = await pool.query<{ code: number; state: BindingState; count: number }>(
    `select b.kind as code, ${BINDING_STATE} as state, count(*)::int as count from gateway.binding b group by 1, 2`,
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

/** Accounts that something is bound to, and that do not exist; the most bound to first. */
export async function countMissingOwners(pool: Pool): Promise<{ account_id: string; count: number }[]> {
  const { rows } = await pool.query<{ account_id: string; count: number }>(
    `select b.account_id, count(*)::int as count from gateway.binding b
     where b.account_id <> '' and b.state <> 3 and not exists (select from gateway.account a where a.id = b.account_id)
     group by 1 order by 2 desc, 1 limit 10`,
  );
  return rows;
}
