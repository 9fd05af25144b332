import { sql } from 'kysely';
import type { Kysely, Selectable } from 'kysely';
import { SwitchyardError } from '@switchyard/contracts';
import type { DB } from './schema.gen.ts';

export type KeyRow = Selectable<DB['gateway.key']>;

/** All keys, oldest first; with `live`, only those not revoked. */
export function listKeys(db: Kysely<DB>, which: 'all' | 'live'): Promise<KeyRow[]> {
  const all = db.selectFrom('gateway.key').selectAll().orderBy('created_at').orderBy('id');
  return (which === 'live' ? all.where('revoked_at', 'is', null) : all).execute();
}

/** @throws SwitchyardError `name_taken` when a live key has the name */
export async function insertKey(db: Kysely<DB>, key: Pick<KeyRow, 'id' | 'name' | 'digest' | 'hint' | 'models' | 'accounts' | 'pool'>): Promise<void> {
  const added = await db
    .insertInto('gateway.key')
    .values(key)
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  if (added.numInsertedOrUpdatedRows === 0n) throw new SwitchyardError('name_taken', `There is a live key named "${key.name}" already.`, { param: 'name' });
}

/** Revokes a key; revoking it again changes nothing. @returns the key, or undefined when there is none */
export function revokeKey(db: Kysely<DB>, id: string): Promise<KeyRow | undefined> {
  return db
    .updateTable('gateway.key')
    .set({ revoked_at: sql`coalesce(revoked_at, now())` })
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirst();
}
