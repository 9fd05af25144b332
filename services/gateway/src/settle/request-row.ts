import { recordAffinity } from '../bindings/record-affinity.ts';
import type { Taken } from '../exchange.ts';
import type { DecisionRecord } from './decision.ts';

/**
 * A row of `gateway.request`, with the column names of the table but for times, which travel as whole numbers: printing a fraction took a
 * quarter of the time of a row. What is unknown is undefined: it is then left out of the JSON that carries the row, which halves it.
 */
export interface RequestRow {
  readonly id: string;
  /** Epoch milliseconds; the database makes its own timestamps of them (0.4 µs a row cheaper than text). */
  readonly started_ms: number;
  readonly key_id: string;
  readonly account_id: string | undefined;
  readonly surface: string;
  readonly lane: string;
  readonly model: string | undefined;
  readonly stream: boolean;
  readonly status: number | undefined;
  readonly outcome: string;
  readonly fault: string | undefined;
  readonly attempts: number;
  /** Microseconds; undefined while the request runs. */
  readonly duration_us: number | undefined;
  readonly first_byte_us: number | undefined;
  readonly bytes_in: number;
  readonly bytes_out: number;
  readonly input_tokens: number | undefined;
  readonly output_tokens: number | undefined;
  readonly cached_tokens: number | undefined;
  readonly reasoning_tokens: number | undefined;
  readonly response_id: string | undefined;
  readonly client_address: string | undefined;
  readonly client_request_id: string | undefined;
  readonly upstream_request_id: string | undefined;
  readonly decision: DecisionRecord | undefined;
}

/** Text from outside is cut to this many characters before it is stored. */
const MAX_LABEL = 200;

/**
 * What the request log says of an exchange now: of one still running, or of one that has ended.
 * @param endedMs  Monotonic milliseconds of the end; null while it runs.
 */
export function requestRow(exchange: Taken, endedMs: number | null): RequestRow {
  const { match, facts, usage, decision, affinity } = exchange;
  return {
    id: exchange.id,
    started_ms: exchange.startedAtMs,
    key_id: exchange.key.id,
    account_id: exchange.account?.id ?? undefined,
    surface: match.surface.name,
    lane: match.surface.lane,
    model: facts?.model ?? undefined,
    stream: facts?.stream ?? false,
    status: exchange.status ?? undefined,
    outcome: exchange.outcome,
    fault: exchange.fault ?? undefined,
    attempts: decision?.attempts.length ?? 0,
    duration_us: endedMs === null ? undefined : Math.round((endedMs - exchange.startedMs) * 1_000),
    first_byte_us: exchange.firstByteMs === null ? undefined : Math.round(exchange.firstByteMs * 1_000),
    bytes_in: exchange.bytesIn,
    bytes_out: exchange.bytesOut,
    input_tokens: usage?.inputTokens ?? undefined,
    output_tokens: usage?.outputTokens ?? undefined,
    cached_tokens: usage?.cachedTokens ?? undefined,
    reasoning_tokens: usage?.reasoningTokens ?? undefined,
    response_id: exchange.responseId ?? undefined,
    client_address: exchange.clientAddress ?? undefined,
    client_request_id: exchange.head.clientRequestId?.slice(0, MAX_LABEL) ?? undefined,
    upstream_request_id: exchange.upstreamRequestId?.slice(0, MAX_LABEL) ?? undefined,
    decision: decision === null ? undefined : affinity === null ? decision : { ...decision, affinity: recordAffinity(affinity, exchange.account) },
  };
}
