import type { Pool } from 'pg';
import type { HeldQuota, QuotaRecord } from '../choice/quota-windows.ts';

/** Channel on which a process tells others on the same database whose quota it has written. */
export const QUOTA_CHANNEL = 'switchyard_quota';

interface QuotaRow {
  readonly account_id: string;
  readonly reading: HeldQuota | null;
  readonly seen_at: Date;
  readonly blocked_until: Date | null;
  readonly blocked_at: Date | null;
  readonly lifted_at: Date | null;
}

/** What is stored of the quota of these accounts, or of every account, by account id. */
export async function loadQuota(pool: Pool, accountIds: readonly string[] | null = null): Promise<ReadonlyMap<string, QuotaRecord>> {
  const { rows } = await pool.query<QuotaRow>(
    'select account_id, reading, seen_at, blocked_until, blocked_at, lifted_at from gateway.quota where $1::text[] is null or account_id = any($1)',
    [accountIds],
  );
  return new Map(
    rows.map((row) => [
      row.account_id,
      {
        held: row.reading,
        seenAtMs: row.seen_at.getTime(),
        block: {
          untilMs: row.blocked_until?.getTime() ?? 0,
          sinceMs: row.blocked_until === null ? 0 : (row.blocked_at?.getTime() ?? 0),
          liftedMs: row.lifted_at?.getTime() ?? 0,
        },
      },
    ]),
  );
}

// Of readings the newer counts, and of blocks that nobody has lifted the one that lasts longest (`mergeBlocks`), whoever writes last: one who has
// not heard of a block neither lifts nor shortens it. An account that is gone by now has no row. A notice only names accounts, so that it is
// never too long; 150 of them fit.
const STATEMENT = `
with written as (
  insert into gateway.quota as q (account_id, reading, seen_at, blocked_until, blocked_at, lifted_at)
  select account_id, reading, to_timestamp(seen_ms / 1000), to_timestamp(until_ms / 1000), to_timestamp(since_ms / 1000), to_timestamp(lifted_ms / 1000)
  from json_to_recordset($1::json) as r (account_id text, reading jsonb, seen_ms float8, until_ms float8, since_ms float8, lifted_ms float8)
  where exists (select from gateway.account a where a.id = r.account_id)
  on conflict (account_id) do update set
    reading = case when excluded.seen_at >= q.seen_at then coalesce(excluded.reading, q.reading) else coalesce(q.reading, excluded.reading) end,
    seen_at = greatest(q.seen_at, excluded.seen_at),
    lifted_at = greatest(q.lifted_at, excluded.lifted_at),
    (blocked_until, blocked_at) = (
      select until, since from (values (q.blocked_until, q.blocked_at), (excluded.blocked_until, excluded.blocked_at)) as known (until, since)
      where until is not null and since > coalesce(greatest(q.lifted_at, excluded.lifted_at), '-infinity')
      order by until desc, since desc limit 1
    )
  returning account_id
), parts as (
  select string_agg(account_id, ',') as ids from (select account_id, row_number() over () as n from written) numbered group by (n - 1) / 150
)
select pg_notify('${QUOTA_CHANNEL}', $2::text || ',' || ids) from parts where $2::text is not null`;

// Written by a clock that was far ahead, and merged with would outrank all that is learnt for as long.
const FROM_THE_FUTURE = "delete from gateway.quota where account_id = any($1) and seen_at > now() + interval '1 hour'";

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
  const rows = Array.from(records, ([account_id, { held, seenAtMs, block }]) => ({
    account_id,
    reading: held,
    seen_ms: seenAtMs,
    until_ms: block.untilMs || null,
    since_ms: block.sinceMs || null,
    lifted_ms: block.liftedMs || null,
  }));
  await pool.query({ name: 'forget-quota', text: FROM_THE_FUTURE, values: [[...records.keys()]] });
  await pool.query({ name: 'write-quota', text: STATEMENT, values: [JSON.stringify(rows), sender] });
}
