import type { Pool } from 'pg';
import type { BindingRow } from '../bindings/bindings.ts';
import { BINDING_KINDS, KINDS } from '../bindings/kinds.ts';
import type { KindLimits } from '../bindings/kinds.ts';
import { DEAD_S } from '../bindings/life.ts';
import type { LifeState } from '../bindings/life.ts';

/** Rows of one packed page, and bytes of one packed row. */
const PAGE_ROWS = 10_000;
const ROW_BYTES = 48;

// A million rows as rows of text take four seconds and half a gigabyte. Packed by the server into pages, with owners and namespaces by
// number, they take one.
const LOAD = `
with wanted as (
  select b.* from json_to_recordset($1::json) as l (kind smallint, most bigint) cross join lateral (
    select * from gateway.binding where kind = l.kind and account_id <> '' and touched_at >= to_timestamp($4) order by touched_at desc, digest limit l.most) as b
  union all
  select * from gateway.binding where account_id = '' and touched_at >= to_timestamp($4)
), numbered as (
  select w.*, row_number() over (order by touched_at, digest) as n from wanted w
)
select string_agg(
  digest || int4send(a.no::int) || int4send(s.no::int) || int2send(kind) || int2send(state) || int4send(epoch) || int4send(misses)
  || int4send(date_part('epoch', state_at)::int) || int4send(date_part('epoch', bound_at)::int) || int4send(date_part('epoch', touched_at)::int),
  ''::bytea order by n) as page
from numbered
join unnest($2::text[]) with ordinality as a (id, no) on a.id = account_id
join unnest($3::text[]) with ordinality as s (id, no) on s.id = namespace
group by (n - 1) / ${PAGE_ROWS} order by (n - 1) / ${PAGE_ROWS}`;

/**
 * Reads all bindings within the limits and hands them on in pages, the longest unused first. Conflicts are always among them.
 * @param sinceS  Only what was used since then; epoch seconds.
 */
export async function loadBindings(pool: Pool, limits: KindLimits, sinceS: number, take: (rows: readonly BindingRow[]) => void): Promise<void> {
  const { rows: accounts } = await pool.query<{ id: string }>('select distinct account_id as id from gateway.binding');
  const { rows: namespaces } = await pool.query<{ id: string }>('select distinct namespace as id from gateway.binding');
  const names = [accounts.map(({ id }) => id), namespaces.map(({ id }) => id)] as const;
  const most = KINDS.filter((kind) => BINDING_KINDS[kind].durable).map((kind) => ({ kind: BINDING_KINDS[kind].code, most: limits[kind] }));
  const { rows: pages } = await pool.query<{ page: Buffer }>(LOAD, [JSON.stringify(most), ...names, sinceS]);
  for (const { page } of pages) take(unpack(page, ...names));
}

function unpack(page: Buffer, accounts: readonly string[], namespaces: readonly string[]): BindingRow[] {
  const rows: BindingRow[] = [];
  for (let at = 0; at < page.length; at += ROW_BYTES) {
    rows.push({
      digest: page.toString('base64', at, at + 16),
      owner: accounts[page.readInt32BE(at + 16) - 1]!,
      namespace: namespaces[page.readInt32BE(at + 20) - 1]!,
      kind: page.readInt16BE(at + 24),
      state: page.readInt16BE(at + 26) as LifeState,
      epoch: page.readInt32BE(at + 28),
      misses: page.readInt32BE(at + 32),
      stateAtS: page.readInt32BE(at + 36),
      boundAtS: page.readInt32BE(at + 40),
      touchedAtS: page.readInt32BE(at + 44),
    });
  }
  return rows;
}

/** Bindings by digest in base64; those that there are. */
export async function findBindings(pool: Pool, digests: readonly string[]): Promise<BindingRow[]> {
  const { rows } = await pool.query<BindingRow>({
    name: 'find-bindings',
    text: `select encode(digest, 'base64') as digest, kind, account_id as owner, namespace, epoch, state, misses, extract(epoch from state_at)::int as "stateAtS",
  extract(epoch from bound_at)::int as "boundAtS", extract(epoch from touched_at)::int as "touchedAtS"
from gateway.binding where digest in (select decode(d, 'base64') from unnest($1::text[]) as d)`,
    values: [digests],
  });
  return rows;
}

const SLICE = 5_000;

/** Deletes what is beyond the limits, what nobody has used for as long as its kind lasts, and what has been dead for long enough. Conflicts stay. @returns how many went */
export async function pruneBindings(pool: Pool, limits: KindLimits): Promise<number> {
  let deleted = 0;
  for (const kind of KINDS) {
    const { code, lastsS } = BINDING_KINDS[kind];
    for (;;) {
      // In slices, so that no lock is held for long.
      const { rowCount } = await pool.query(
        `delete from gateway.binding where digest in (
           (select digest from gateway.binding where kind = $1 and account_id <> '' order by touched_at desc offset $2 limit $4)
           union all
           (select digest from gateway.binding where kind = $1 and account_id <> '' and touched_at < now() - $3 * interval '1 second' limit $4)
           union all
           (select digest from gateway.binding where kind = $1 and state = 3 and state_at < now() - $5 * interval '1 second' limit $4))`,
        [code, limits[kind], lastsS, SLICE, DEAD_S],
      );
      deleted += rowCount ?? 0;
      if ((rowCount ?? 0) < SLICE) break;
    }
  }
  return deleted;
}
