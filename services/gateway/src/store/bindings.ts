import type { Pool } from 'pg';
import type { BindingClock } from '../bindings/binding-clock.ts';
import type { BindingRow } from '../bindings/bindings.ts';
import { BINDING_KINDS, KINDS } from '../bindings/kinds.ts';
import type { KindLimits } from '../bindings/kinds.ts';
import { DEAD_S } from '../bindings/life.ts';
import type { LifeState } from '../bindings/life.ts';

/** Rows of the first page of each kind, which a start waits for: all of them take a tenth of a second. */
const FIRST_ROWS = 1_820;
/** Rows of a further page: about ten milliseconds of this process, so that what else it does is not held up. */
const PAGE_ROWS = 5_000;
/** Bytes of one packed row. */
const ROW_BYTES = 40;

// Rows as text would take a million of them four seconds and half a gigabyte, so the server packs them.
const PACKED = `
  string_agg(digest || int2send(kind) || int2send(state) || int4send(epoch) || int4send(misses) || int4send(date_part('epoch', state_at)::int)
    || int4send(date_part('epoch', bound_at)::int) || int4send(date_part('epoch', touched_at)::int), ''::bytea) as packed,
  string_agg(account_id, E'\n') as owners, string_agg(namespace, E'\n') as namespaces, min(touched_at)::text as oldest`;
const CONFLICTS = `select ${PACKED} from gateway.binding where account_id = '' and touched_at >= to_timestamp($1)`;
const PAGE = `select ${PACKED} from (
  select * from gateway.binding where kind = $1 and account_id <> '' and touched_at >= to_timestamp($2) and (touched_at, digest) < ($3::timestamptz, $4::bytea)
  order by touched_at desc, digest desc limit $5) as page`;

/** What the server says of a page; all null when it is empty. */
interface Page {
  readonly packed: Buffer | null;
  readonly owners: string;
  readonly namespaces: string;
  readonly oldest: string;
}

/**
 * Reads the bindings within the limits page by page: all conflicts first, then one page of each kind with what was used last, then what was
 * used before that.
 * @param sinceS  Only what was used since then; epoch seconds.
 */
export async function* bindingPages(pool: Pool, limits: KindLimits, sinceS: number): AsyncGenerator<BindingRow[], void, undefined> {
  const { rows: conflicts } = await pool.query<Page>(CONFLICTS, [sinceS]);
  yield unpack(conflicts[0]!);
  let unread = KINDS.filter((kind) => BINDING_KINDS[kind].durable).map((kind) => ({
    code: BINDING_KINDS[kind].code,
    left: limits[kind],
    before: 'infinity',
    digest: Buffer.alloc(0),
  }));
  for (let rowsOfPage = FIRST_ROWS; unread.length > 0; rowsOfPage = PAGE_ROWS) {
    for (const kind of unread) {
      const most = Math.min(rowsOfPage, kind.left);
      const { rows } = await pool.query<Page>({ name: 'binding-page', text: PAGE, values: [kind.code, sinceS, kind.before, kind.digest, most] });
      const page = rows[0]!;
      const bindings = unpack(page);
      kind.left = bindings.length < most ? 0 : kind.left - most;
      yield bindings;
      if (bindings.length === 0) continue;
      kind.before = page.oldest;
      kind.digest = Buffer.from(bindings.at(-1)!.digest, 'base64');
    }
    unread = unread.filter(({ left }) => left > 0);
  }
}

function unpack({ packed, owners, namespaces }: Page): BindingRow[] {
  if (packed === null) return [];
  const [ownerOf, namespaceOf] = [owners.split('\n'), namespaces.split('\n')];
  const rows: BindingRow[] = [];
  for (let at = 0, n = 0; at < packed.length; at += ROW_BYTES, n++) {
    rows.push({
      digest: packed.toString('base64', at, at + 16),
      owner: ownerOf[n]!,
      namespace: namespaceOf[n]!,
      kind: packed.readInt16BE(at + 16),
      state: packed.readInt16BE(at + 18) as LifeState,
      epoch: packed.readInt32BE(at + 20),
      misses: packed.readInt32BE(at + 24),
      stateAtS: packed.readInt32BE(at + 28),
      boundAtS: packed.readInt32BE(at + 32),
      touchedAtS: packed.readInt32BE(at + 36),
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

/**
 * Deletes what is beyond the limits, what nobody has used for as long as its kind lasts, and what has been dead for long enough. Conflicts stay.
 * @param clock    Of this process; where that of the database is behind it, that one counts.
 * @param closing  Ends it between two slices.
 * @returns how many went
 */
export async function pruneBindings(pool: Pool, limits: KindLimits, clock: Pick<BindingClock, 'nowS' | 'agedS'>, closing?: AbortSignal): Promise<number> {
  let deleted = 0;
  for (const kind of KINDS) {
    const { code, lastsS } = BINDING_KINDS[kind];
    while (closing?.aborted !== true) {
      // In slices, so that no lock is held for long.
      const { rowCount } = await pool.query(
        `delete from gateway.binding where digest in (
           (select digest from gateway.binding where kind = $1 and account_id <> '' order by touched_at desc offset $2 limit $4)
           union all
           (select digest from gateway.binding where kind = $1 and account_id <> '' and touched_at < least(now(), to_timestamp($6)) - $3 * interval '1 second' limit $4)
           union all
           (select digest from gateway.binding where kind = $1 and state = 3 and state_at < least(now(), to_timestamp($7)) - $5 * interval '1 second' limit $4))`,
        [code, limits[kind], lastsS, SLICE, DEAD_S, clock.agedS(), clock.nowS()],
      );
      deleted += rowCount ?? 0;
      if ((rowCount ?? 0) < SLICE) break;
    }
  }
  return deleted;
}
