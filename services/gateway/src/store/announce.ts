import { sql } from 'kysely';
import type { Kysely } from 'kysely';
import type { Pool } from 'pg';
import type { DB } from './schema.gen.ts';

/** Channel on which a change of accounts or keys is told to every process on the database: with the id of the one account, or with nothing. */
export const CHANGES_CHANNEL = 'switchyard_gateway';

/**
 * Tells every process that accounts or keys have changed, when the transaction commits, and counts it for those who do not hear. To be the
 * last of a transaction: others that change something wait for its end.
 * @param accountId  The one account that has changed, when it is only that.
 */
export async function announceChange(db: Kysely<DB>, accountId = ''): Promise<void> {
  await sql`with counted as (update gateway.generation set n = n + 1) select pg_notify(${CHANGES_CHANNEL}, ${accountId})`.execute(db);
}

/** How many changes of accounts and keys there have been; read it before them, or a change in between is taken for known. */
export async function readGeneration(pool: Pool): Promise<string> {
  const { rows } = await pool.query<{ n: string }>({ name: 'read-generation', text: 'select n::text as n from gateway.generation' });
  return rows[0]!.n;
}
