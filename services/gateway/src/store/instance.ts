import { sql } from 'kysely';
import type { Transaction } from 'kysely';
import pg from 'pg';
import type { Logger } from '@switchyard/observability';
import type { DB } from './schema.gen.ts';

export interface InstanceOptions {
  readonly pool: pg.Pool;
  readonly instanceId: string;
  /** What to do with the notices of each channel. */
  readonly channels: Readonly<Record<string, (notice: string) => void>>;
  /** Notices may have been missed for so many seconds. */
  readonly onGap: (seconds: number) => void;
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
  /** Names of the accounts that this process declares; for as long as it lives nobody else removes them. */
  readonly declares: readonly string[];
  readonly log: Logger;
}

/**
 * Keeps one connection that says "this process is alive" by holding an advisory lock named after it, and one that it shares for each
 * account that it declares, and listens on it for what other processes tell.
 * Requests that an earlier process left open and whose lock nobody holds are marked `server_lost`. When the connection is lost it is
 * made again, and since notices may have been missed meanwhile, `onGap` is called.
 */
export async function claimInstance(options: InstanceOptions): Promise<{ close(): Promise<void> }> {
  const { instanceId, channels, onGap, nowMs, declares, log, pool } = options;
  const hear = ({ channel, payload }: pg.Notification): void => channels[channel]?.(payload ?? '');
  let closed = false;
  let client: pg.PoolClient | null = null;
  let retry: NodeJS.Timeout | null = null;

  const connect = async (): Promise<void> => {
    const fresh = await pool.connect();
    try {
      await fresh.query('select pg_advisory_lock($1, hashtext($2))', [LOCK_CLASS, instanceId]);
      await fresh.query('select pg_advisory_lock_shared($1, hashtext(name)) from unnest($2::text[]) as name', [DECLARED_CLASS, declares]);
      for (const channel of Object.keys(channels)) await fresh.query(`listen ${pg.escapeIdentifier(channel)}`);
    } catch (error) {
      fresh.release(true);
      throw error;
    }
    if (closed) return fresh.release(true);
    fresh.on('notification', hear);
    fresh.once('error', () => lost(fresh));
    fresh.once('end', () => lost(fresh));
    client = fresh;
  };
  const lost = (was: pg.PoolClient): void => {
    if (client !== was) return;
    client = null;
    was.release(true);
    if (closed) return;
    log.warn('instance_connection_lost', 'The connection that hears of changes was lost; it is made again');
    again(nowMs());
  };
  const again = (lostAtMs: number): void => {
    retry = setTimeout(() => {
      void connect().then(
        () => (closed ? undefined : onGap(Math.ceil((nowMs() - lostAtMs) / 1_000))),
        () => (closed ? undefined : again(lostAtMs)),
      );
    }, 500);
    retry.unref();
  };

  await connect();
  const lostRequests = await markLostRequests(pool);
  if (lostRequests > 0) log.warn('requests_lost', 'Requests that an earlier process had open when it died were marked', { rows: lostRequests });
  return {
    async close() {
      closed = true;
      if (retry !== null) clearTimeout(retry);
      const last = client;
      client = null;
      last?.removeListener('notification', hear);
      last?.release(true);
    },
  };
}

/** Of the advisory locks by which processes say that they live. */
export const LOCK_CLASS = 0x5357;
const DECLARED_CLASS = 0x5358;

/** Whether another process on the database lives. */
export async function hasCompany(pool: pg.Pool, instanceId: string): Promise<boolean> {
  const { rows } = await pool.query<{ company: boolean }>(
    `select exists (
       select from pg_locks
       where locktype = 'advisory' and classid = $1 and objsubid = 2 and granted and objid::bigint <> hashtext($2)::bigint & 4294967295
         and database = (select oid from pg_database where datname = current_database())) as company`,
    [LOCK_CLASS, instanceId],
  );
  return rows[0]?.company === true;
}

/** Whether a living process declares an account of this name. When none does, none begins to before the transaction ends. */
export async function isDeclared(transaction: Transaction<DB>, name: string): Promise<boolean> {
  const { rows } = await sql<{ free: boolean }>`select pg_try_advisory_xact_lock(${DECLARED_CLASS}::int, hashtext(${name})) as free`.execute(transaction);
  return rows[0]?.free !== true;
}

/** Closes the rows of processes that are gone. @returns how many */
async function markLostRequests(pool: pg.Pool): Promise<number> {
  const { rows } = await pool.query<{ instance_id: string }>('select distinct instance_id from gateway.request where ended_at is null');
  let marked = 0;
  for (const { instance_id: id } of rows) {
    const client = await pool.connect();
    try {
      const { rows: locked } = await client.query<{ free: boolean }>('select pg_try_advisory_lock($1, hashtext($2)) as free', [LOCK_CLASS, id]);
      if (locked[0]?.free !== true) continue;
      const { rowCount } = await client.query(
        "update gateway.request set ended_at = now(), outcome = 'server_lost' where instance_id = $1 and ended_at is null",
        [id],
      );
      marked += rowCount ?? 0;
    } finally {
      await client.query('select pg_advisory_unlock($1, hashtext($2))', [LOCK_CLASS, id]).catch(() => {});
      client.release();
    }
  }
  return marked;
}
