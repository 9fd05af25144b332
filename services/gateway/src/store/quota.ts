import type { Pool } from 'pg';
import type { HeldQuota, QuotaRecord } from '../choice/quota-windows.ts';

/** Channel on which a process tells others on the same database whose quota it has written. */
export const QUOTA_CHANNEL = 'switchyard_quota';

/** What is stored of the quota of these accounts, or of every account, by account id. */
export async function loadQuota(pool: Pool, accountIds: readonly string[] | null = null): Promise<ReadonlyMap<string, QuotaRecord>> {
  const { rows } = await pool.query<{ account_id: string; reading: HeldQuota | null; seen_at: Date; blocked_until: Date | null; blocked_at: Date | null }>(
    'select account_id, reading, seen_at, blocked_until, blocked_at from gateway.quota where $1::text[] is null or account_id = any($1)',
    [accountIds],
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

// Of readings and of blocks the newer counts, each by itself, whoever writes last: one who has not heard of a block does not lift it. An account
// that is gone by now has no row. A notice only names accounts, so that it is never too long; 150 of them fit.
const STATEMENT = `
with written as (
  insert into gateway.quota as q (account_id, reading, seen_at, blocked_until, blocked_at)
  select account_id, reading, to_timestamp(seen_ms / 1000), to_timestamp(blocked_until_ms / 1000), to_timestamp(blocked_at_ms / 1000)
  from json_to_recordset($1::json) as r (account_id text, reading jsonb, seen_ms float8, blocked_until_ms float8, blocked_at_ms float8)
  where exists (select from gateway.account a where a.id = r.account_id)
  on conflict (account_id) do update set
    reading = case when excluded.seen_at >= q.seen_at then coalesce(excluded.reading, q.reading) else coalesce(q.reading, excluded.reading) end,
    seen_at = greatest(q.seen_at, excluded.seen_at),
    blocked_until = case when q.blocked_at is null or excluded.blocked_at >= q.blocked_at then excluded.blocked_until else q.blocked_until end,
    blocked_at = greatest(q.blocked_at, excluded.blocked_at)
  returning account_id
), parts as (
  select string_agg(account_id, ',') as ids from (select account_id, row_number() over () as n from written) numbered group by (n - 1) / 150
)
select pg_notify('${QUOTA_CHANNEL}', $2::text || ',' || ids) from parts where $2::text is not null`;

/** The accounts that another process has written; none when the notice is our own. */
export function toldQuotas(notice: string, instanceId: string): string[] {
  const [sender, ...accountIds] = notice.split(',');
  return sender === instanceId ? [] : accountIds;
}

/**
 * Writes what is known of quotas, by account id, in one commit. Repeating it changes nothing.
 * @param sender  Whoever tells others of it; null when there are none.
 */
export async function writeQuota(pool: Pool, records: ReadonlyMap<string, QuotaRecord>, sender: string | null = null): Promise<void> {
  const rows = Array.from(records, ([account_id, { held, seenAtMs, blockedUntilMs, blockedAtMs }]) => ({
    account_id,
    reading: held,
    seen_ms: seenAtMs,
    blocked_until_ms: blockedUntilMs,
    blocked_at_ms: blockedAtMs,
  }));
  await pool.query({ name: 'write-quota', text: STATEMENT, values: [JSON.stringify(rows), sender] });
}
