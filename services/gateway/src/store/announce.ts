import { sql } from 'kysely';
import type { Kysely } from 'kysely';
import type { DB } from './schema.gen.ts';

/** Channel on which a change of accounts or keys is told to every process on the database. */
export const CHANGES_CHANNEL = 'switchyard_gateway';

/** Tells every process that accounts or keys have changed, when the transaction commits. */
export async function announceChange(db: Kysely<DB>): Promise<void> {
  await sql`select pg_notify(${CHANGES_CHANNEL}, '')`.execute(db);
}
