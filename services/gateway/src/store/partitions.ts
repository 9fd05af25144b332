import type { Pool } from 'pg';

const DAY_MS = 86_400_000;

function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

function partitionOf(day: string): string {
  return `request_${day.replaceAll('-', '')}`;
}

/** Makes the partitions of today and the next days, so that no request waits for one. Safe to repeat, also from several processes. */
export async function makePartitions(pool: Pool, nowMs: number, days: number): Promise<void> {
  for (let i = 0; i < days; i++) {
    const day = dayOf(nowMs + i * DAY_MS);
    const next = dayOf(nowMs + (i + 1) * DAY_MS);
    // Names come from a date alone. A row that lies in the default partition already makes this fail; it then stays there.
    await pool
      .query(
        `create table if not exists gateway.${partitionOf(day)} partition of gateway.request for values from ('${day}T00:00:00Z') to ('${next}T00:00:00Z')`,
      )
      .catch((error: { code?: string }) => {
        if (error.code !== '23514' && error.code !== '42P07') throw error;
      });
  }
}

export interface Retention {
  readonly keepDays: number;
  readonly keepRows: number;
}

/**
 * Drops whole days of the request log: those older than `keepDays`, and the oldest while all together hold more than `keepRows`.
 * Today's is never dropped. Row counts are the planner's estimates, which is near enough to decide about a day.
 * @returns the days dropped
 */
export async function dropOldPartitions(pool: Pool, nowMs: number, retention: Retention): Promise<string[]> {
  const { rows } = await pool.query<{ name: string; rows: number }>(
    `select c.relname as name, greatest(c.reltuples, 0)::float8 as rows from pg_inherits i join pg_class c on c.oid = i.inhrelid
     where i.inhparent = 'gateway.request'::regclass and c.relname ~ '^request_[0-9]{8}$' order by c.relname`,
  );
  const oldestKept = partitionOf(dayOf(nowMs - retention.keepDays * DAY_MS));
  const today = partitionOf(dayOf(nowMs));
  let total = rows.reduce((sum, row) => sum + row.rows, 0);
  const dropped: string[] = [];
  for (const row of rows) {
    if (row.name >= today) break;
    if (row.name >= oldestKept && total <= retention.keepRows) continue;
    await pool.query(`drop table gateway.${row.name}`);
    total -= row.rows;
    dropped.push(row.name.slice('request_'.length));
  }
  return dropped;
}
