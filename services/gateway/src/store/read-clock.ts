import type { Pool } from 'pg';

/** The clock of the database, in epoch milliseconds. */
export async function readClockMs(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ ms: number }>('select extract(epoch from clock_timestamp())::float8 * 1000 as ms');
  return rows[0]!.ms;
}
