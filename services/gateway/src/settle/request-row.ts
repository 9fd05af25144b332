import type { Exchange } from '../exchange.ts';
import type { DecisionRecord } from './decision.ts';

/** A row of `gateway.request`, with the column names of the table but for the two times. */
export interface RequestRow {
  readonly id: string;
  /** Epoch milliseconds; the database makes its own timestamps of them (0.4 µs a row cheaper than text). */
  readonly started_ms: number;
  readonly ended_ms: number | null;
  readonly instance_id: string;
  readonly key_id: string;
  readonly account_id: string | null;
  readonly surface: string;
  readonly lane: string;
  readonly model: string | null;
  readonly stream: boolean;
  readonly status: number | null;
  readonly outcome: string;
  readonly fault: string | null;
  readonly attempts: number;
  readonly duration_ms: number | null;
  readonly first_byte_ms: number | null;
  readonly bytes_in: number;
  readonly bytes_out: number;
  readonly input_tokens: number | null;
  readonly output_tokens: number | null;
  readonly cached_tokens: number | null;
  readonly reasoning_tokens: number | null;
  readonly response_id: string | null;
  readonly client_address: string | null;
  readonly client_request_id: string | null;
  readonly upstream_request_id: string | null;
  readonly decision: DecisionRecord | null;
}

/** Text from outside is cut to this many characters before it is stored. */
const MAX_LABEL = 200;

/**
 * What the request log says of an exchange now: of one still running, or of one that has ended.
 * @param endedMs  Monotonic milliseconds of the end; null while it runs.
 */
export function requestRow(exchange: Exchange, instanceId: string, endedMs: number | null): RequestRow {
  const { match, facts, usage, decision } = exchange;
  const durationMs = endedMs === null ? null : endedMs - exchange.startedMs;
  return {
    id: exchange.id,
    started_ms: exchange.startedAtMs,
    ended_ms: durationMs === null ? null : exchange.startedAtMs + durationMs,
    instance_id: instanceId,
    key_id: exchange.key.id,
    account_id: exchange.account?.id ?? null,
    surface: match.surface.name,
    lane: match.surface.lane,
    model: facts?.model ?? null,
    stream: facts?.stream ?? false,
    status: exchange.status,
    outcome: exchange.outcome,
    fault: exchange.fault,
    attempts: decision?.attempts.length ?? 0,
    duration_ms: durationMs,
    first_byte_ms: exchange.firstByteMs,
    bytes_in: facts?.body.length ?? 0,
    bytes_out: exchange.bytesOut,
    input_tokens: usage?.inputTokens ?? null,
    output_tokens: usage?.outputTokens ?? null,
    cached_tokens: usage?.cachedTokens ?? null,
    reasoning_tokens: usage?.reasoningTokens ?? null,
    response_id: exchange.responseId,
    client_address: exchange.clientAddress,
    client_request_id: exchange.head.clientRequestId?.slice(0, MAX_LABEL) ?? null,
    upstream_request_id: exchange.upstreamRequestId?.slice(0, MAX_LABEL) ?? null,
    decision,
  };
}
