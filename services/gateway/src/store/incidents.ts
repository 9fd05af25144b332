import type { Pool } from 'pg';
import { LOCK_CLASS } from './instance.ts';

/** Something that was wrong for a while. */
export interface Incident {
  readonly kind: string;
  readonly opened_at: Date;
  /** Null while it lasts. */
  readonly closed_at: Date | null;
  /** What was seen. */
  readonly evidence: string;
}

export interface NewIncident {
  readonly kind: string;
  readonly instanceId: string;
  /** Epoch milliseconds. */
  readonly openedAtMs: number;
  readonly evidence: string;
}

/** @returns its number, by which it is closed */
export async function openIncident(pool: Pool, { kind, instanceId, openedAtMs, evidence }: NewIncident): Promise<bigint> {
  const { rows } = await pool.query<{ id: bigint }>(
    'insert into gateway.incident (kind, instance_id, opened_at, evidence) values ($1, $2, to_timestamp($3::float8 / 1000), $4) returning id',
    [kind, instanceId, openedAtMs, evidence],
  );
  return rows[0]!.id;
}

/** @param closedAtMs  Epoch milliseconds. */
export async function closeIncident(pool: Pool, id: bigint, closedAtMs: number, evidence: string): Promise<void> {
  await pool.query('update gateway.incident set closed_at = to_timestamp($2::float8 / 1000), evidence = $3 where id = $1', [id, closedAtMs, evidence]);
}

/** Closes those of processes that are gone, and forgets the oldest. */
export async function tidyIncidents(pool: Pool, keepDays: number): Promise<void> {
  await pool.query(
    `update gateway.incident i set closed_at = now() where closed_at is null and not exists (
       select from pg_locks
       where locktype = 'advisory' and classid = $1 and objsubid = 2 and granted and objid::bigint = hashtext(i.instance_id)::bigint & 4294967295
         and database = (select oid from pg_database where datname = current_database()))`,
    [LOCK_CLASS],
  );
  await pool.query("delete from gateway.incident where opened_at < now() - $1 * interval '1 day'", [keepDays]);
}

/** Those that last, and those that ended within the last day; the newest first. */
export async function listIncidents(pool: Pool, most: number): Promise<Incident[]> {
  const { rows } = await pool.query<Incident>(
    `select kind, opened_at, closed_at, evidence from gateway.incident
     where closed_at is null or closed_at > now() - interval '1 day' order by opened_at desc, id desc limit $1`,
    [most],
  );
  return rows;
}
