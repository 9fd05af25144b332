import type { Pool } from 'pg';
import type { Binding } from '../bindings/bindings.ts';

/** The newest bindings, oldest of them first, as the table in memory wants them. */
export async function loadBindings(pool: Pool, max: number): Promise<Binding[]> {
  const { rows } = await pool.query<{ response_id: string; account_id: string; key_id: string }>(
    'select response_id, account_id, key_id from gateway.response_binding order by created_at desc limit $1',
    [max],
  );
  return rows.reverse().map((row) => ({ responseId: row.response_id, accountId: row.account_id, keyId: row.key_id }));
}

/** Deletes all but the newest. @returns how many went */
export async function pruneBindings(pool: Pool, keep: number): Promise<number> {
  const { rowCount } = await pool.query(
    'delete from gateway.response_binding where created_at < (select created_at from gateway.response_binding order by created_at desc offset $1 limit 1)',
    [keep - 1],
  );
  return rowCount ?? 0;
}
