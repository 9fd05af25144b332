import type { Pool } from 'pg';
import type { HeldQuota, QuotaRecord } from '../choice/quota-windows.ts';

/** What is stored of the quota of every account, by account id. */
export async function loadQuota(pool: Pool): Promise<ReadonlyMap<string, QuotaRecord>> {
  const { rows } = await pool.query<{ account_id: string; reading: HeldQuota | null; seen_at: Date; blocked_until: Date | null; blocked_at: Date | null }>(
    'select account_id, reading, seen_at, blocked_until, blocked_at from gateway.quota',
  );
  return new Map(
    rows.map((row) => [
      row.account_id,
      {
        held: row.reading,
        seenAtMs: row.seen_at.getTime(),
        blockedUntilMs: row.blocked_until?.getTime() ?? null,
        blockedAtMs: row.blocked_at?.getTime() ?? null,
      },
    ]),
  );
}

// Older news never overwrites newer, whoever writes last; an account that is gone by now has no row.
const STATEMENT = `
insert into gateway.quota as q (account_id, reading, seen_at, blocked_until, blocked_at)
select account_id, reading, to_timestamp(seen_ms / 1000), to_timestamp(blocked_until_ms / 1000), to_timestamp(blocked_at_ms / 1000)
from json_to_recordset($1::json) as r (account_id text, reading jsonb, seen_ms float8, blocked_until_ms float8, blocked_at_ms float8)
where exists (select from gateway.account a where a.id = r.account_id)
on conflict (account_id) do update set reading = coalesce(excluded.reading, q.reading), seen_at = excluded.seen_at,
  blocked_until = excluded.blocked_until, blocked_at = excluded.blocked_at
where excluded.seen_at >= q.seen_at`;

/** Writes what is known of quotas, by account id, in one commit. Repeating it changes nothing. */
export async function writeQuota(pool: Pool, records: ReadonlyMap<string, QuotaRecord>): Promise<void> {
  const rows = Array.from(records, ([account_id, { held, seenAtMs, blockedUntilMs, blockedAtMs }]) => ({
    account_id,
    reading: held,
    seen_ms: seenAtMs,
    blocked_until_ms: blockedUntilMs,
    blocked_at_ms: blockedAtMs,
  }));
  await pool.query({ name: 'write-quota', text: STATEMENT, values: [JSON.stringify(rows)] });
}
