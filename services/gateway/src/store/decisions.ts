import type { Pool } from 'pg';
import { wholeDecision } from '../settle/decision.ts';
import type { DecisionRecord } from '../settle/decision.ts';
import { FIELDS, idTimeMs } from './requests.ts';
import type { LoggedRequest, RequestPage } from './requests.ts';

/** Which decisions are wanted; null is any. */
export interface WantedDecisions extends RequestPage {
  /** Only requests that began before this. */
  readonly before: Date | null;
  /** Id or name of an account that was asked, whether or not its answer was the client's. */
  readonly account: string | null;
  readonly outcome: string | null;
}

export interface DecisionPage {
  readonly rows: readonly LoggedRequest[];
  /** The log goes on behind this page. */
  readonly hasMore: boolean;
  /** The request behind which the next page begins; null when there is none. */
  readonly lastId: string | null;
}

/** So many requests are looked at for a page of those of an account or an outcome: no index knows them, and the whole log may be millions. */
const LOOKED_AT = 10_000;

const WITHIN = `($1::timestamptz is null or started_at <= $1) and ($2::text is null or id < $2) and ($3::timestamptz is null or started_at < $3)`;

/**
 * Requests with their decisions, newest first; those that ended before an account was looked for are among them, unless an account is named. A
 * page of some only looks at the next 10 000, so it may have fewer than wanted, or none, and yet be followed by another.
 */
export async function listDecisions(pool: Pool, wanted: WantedDecisions, lookedAt = LOOKED_AT): Promise<DecisionPage> {
  const { limit, after, before, account, outcome } = wanted;
  const within = [after === null ? null : new Date(idTimeMs(after) + 1), after, before];
  const edge = account === null && outcome === null ? null : await edgeOf(pool, within, lookedAt);
  const { rows } = await pool.query<LoggedRequest & { id: string; decision: DecisionRecord | null }>(
    `select ${FIELDS}, decision from gateway.request
     where ${WITHIN} and ($4::timestamptz is null or (started_at >= $4 and (started_at, id) >= ($4, $5::text))) and ($6::text is null or outcome = $6)
       and ($7::text is null or decision->'attempts' @> jsonb_build_array(jsonb_build_object('account_id', $7::text))
         or decision->'attempts' @> jsonb_build_array(jsonb_build_object('account', $7::text)))
     order by started_at desc, id desc limit $8`,
    [...within, edge?.started_at ?? null, edge?.id ?? null, outcome, account, limit + 1],
  );
  const page = rows.slice(0, limit);
  const isCut = rows.length > limit;
  return {
    rows: page.map(({ decision, ...row }) => ({ ...row, decision: decision === null ? null : wholeDecision(decision) })),
    hasMore: isCut || edge !== null,
    lastId: (isCut ? null : edge?.id) ?? page.at(-1)?.id ?? null,
  };
}

/** The newest decisions as they were recorded, of requests for which an account was asked. */
export async function recentDecisions(pool: Pool, limit: number): Promise<DecisionRecord[]> {
  const { rows } = await pool.query<{ decision: DecisionRecord }>(
    'select decision from gateway.request where decision is not null and attempts > 0 order by started_at desc, id desc limit $1',
    [limit],
  );
  return rows.map(({ decision }) => decision);
}

interface Edge {
  readonly id: string;
  readonly started_at: Date;
}

/** The last of the requests that are looked at; null when the log ends before. */
async function edgeOf(pool: Pool, within: readonly unknown[], lookedAt: number): Promise<Edge | null> {
  const { rows } = await pool.query<Edge>(`select id, started_at from gateway.request where ${WITHIN} order by started_at desc, id desc offset $4 limit 1`, [
    ...within,
    lookedAt - 1,
  ]);
  return rows[0] ?? null;
}
