import type { Pool } from 'pg';
import { SwitchyardError, isId } from '@switchyard/contracts';
import { wholeDecision } from '../settle/decision.ts';
import type { DecisionRecord } from '../settle/decision.ts';

/** The time that an id carries (UUIDv7), so that only the partitions of that day are searched. */
export function idTimeMs(id: string): number {
  const digits = id.slice(id.indexOf('_') + 1);
  let time = 0;
  // 26 base32 digits hold 130 bits: two zeros, then 48 bits of milliseconds = the first ten digits.
  for (const digit of digits.slice(0, 10)) time = time * 32 + '0123456789abcdefghjkmnpqrstvwxyz'.indexOf(digit);
  return time;
}

export type LoggedRequest = Readonly<Record<string, unknown>>;

/** The columns of a row as they are told. Big integers travel as JSON strings above 2^53 (architecture 8); none of these gets there, so they are numbers. */
export const FIELDS = `id, started_at, ended_at, key_id, account_id, surface, lane, model, stream, status, outcome, fault, attempts,
  duration_ms, first_byte_ms, bytes_in::float8 as bytes_in, bytes_out::float8 as bytes_out, input_tokens::float8 as input_tokens,
  output_tokens::float8 as output_tokens, cached_tokens::float8 as cached_tokens, reasoning_tokens::float8 as reasoning_tokens,
  response_id, client_address, client_request_id, upstream_request_id`;

/**
 * One request with its decision.
 * @throws SwitchyardError `not_found`
 */
export async function findRequest(pool: Pool, id: string): Promise<LoggedRequest> {
  const { decision, ...row } = await findRow(pool, id);
  return { ...row, decision: decision === null ? null : wholeDecision(decision) };
}

/**
 * The decision of one request as it was recorded; null when it ended before an account was looked for.
 * @throws SwitchyardError `not_found`
 */
export async function findDecision(pool: Pool, id: string): Promise<DecisionRecord | null> {
  return (await findRow(pool, id)).decision;
}

async function findRow(pool: Pool, id: string): Promise<LoggedRequest & { readonly decision: DecisionRecord | null }> {
  if (isId('request', id)) {
    const madeMs = idTimeMs(id);
    const { rows } = await pool.query<LoggedRequest & { decision: DecisionRecord | null }>(
      `select ${FIELDS}, decision from gateway.request where id = $1 and started_at between $2 and $3`,
      [id, new Date(madeMs - 1_000), new Date(madeMs + 1_000)],
    );
    const [row] = rows;
    if (row !== undefined) return row;
  }
  throw new SwitchyardError(
    'not_found',
    `There is no request with the id "${id}" in the log. It may be older than \`requests.keep_days\`, or not written yet: that takes a few milliseconds.`,
  );
}

export interface RequestPage {
  readonly limit: number;
  /** Id of the last row of the page before; null for the first page. */
  readonly after: string | null;
}

/** A page of the request log, newest first. One row more than asked for tells whether there are more. */
export async function listRequests(pool: Pool, page: RequestPage): Promise<{ rows: LoggedRequest[]; hasMore: boolean }> {
  const until = page.after === null ? null : new Date(idTimeMs(page.after) + 1);
  const { rows } = await pool.query<LoggedRequest>(
    `select ${FIELDS} from gateway.request where ($1::timestamptz is null or started_at <= $1) and ($2::text is null or id < $2) order by started_at desc, id desc limit $3`,
    [until, page.after, page.limit + 1],
  );
  return { rows: rows.slice(0, page.limit), hasMore: rows.length > page.limit };
}
