import { sql } from 'kysely';
import type { Kysely, Selectable } from 'kysely';
import { announceChange } from './announce.ts';
import type { DB } from './schema.gen.ts';

/** What is stored of an account's login; the tokens are sealed. */
export type LoginRow = Pick<Selectable<DB['gateway.account']>, 'id' | 'name' | 'credential' | 'token_url' | 'codex_home' | 'login_state' | 'login_generation'>;

/** Class of the advisory locks that say: whoever holds this renews the login of that account. */
const LOGIN_CLASS = 0x5359;
/** Longer than a renewal may take. Whoever waited that long for another process goes on without. */
const LOCK_WAIT_MS = 15_000;

/**
 * Runs something while no other process on the database renews this login. PostgreSQL gives the lock back when the work is done, and when the
 * connection of whoever holds it ends, however that happens (fault row C09).
 * @param run  Gets the row as it is now, and a database on which it may write; undefined when the account is gone.
 * @throws what PostgreSQL says when it is away, or when another process held the lock for too long
 */
export async function holdingLogin<T>(db: Kysely<DB>, accountId: string, run: (row: LoginRow | undefined, db: Kysely<DB>) => Promise<T>): Promise<T> {
  return db.transaction().execute(async (transaction) => {
    await sql`select set_config('lock_timeout', ${String(LOCK_WAIT_MS)}, true)`.execute(transaction);
    await sql`select pg_advisory_xact_lock(${LOGIN_CLASS}::int, hashtext(${accountId}))`.execute(transaction);
    const row = await transaction
      .selectFrom('gateway.account')
      .select(['id', 'name', 'credential', 'token_url', 'codex_home', 'login_state', 'login_generation'])
      .where('id', '=', accountId)
      .executeTakeFirst();
    return run(row, transaction);
  });
}

/**
 * Replaces the tokens of an account, if nobody has since they were read, and tells every process.
 * @returns whether they were replaced
 */
export async function replaceLogin(
  db: Kysely<DB>,
  { id, login_generation: generation }: Pick<LoginRow, 'id' | 'login_generation'>,
  sealed: Buffer,
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('gateway.account')
    .set({ credential: sealed, login_state: 'ok', login_generation: generation + 1, updated_at: sql`now()` })
    .where('id', '=', id)
    .where('login_generation', '=', generation)
    .executeTakeFirst();
  await announceChange(db, id);
  return numUpdatedRows > 0n;
}

/** Writes down that an account's tokens are not good any more, and tells every process. */
export async function endLogin(db: Kysely<DB>, id: string): Promise<void> {
  await db
    .updateTable('gateway.account')
    .set({ login_state: 'needs_login', updated_at: sql`now()` })
    .where('id', '=', id)
    .execute();
  await announceChange(db, id);
}
