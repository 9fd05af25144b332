import type { LoggedRequest } from '../operations/operations.ts';

/** One attempt of a decision record (product section 3, "Every choice is explained"). */
export interface LoggedAttempt {
  readonly account: string;
  readonly chosen_by: string;
  readonly candidates: number;
  readonly skipped: Readonly<Record<string, number>>;
  readonly least_bad: boolean;
  readonly in_flight: number;
  /** Milliseconds after the start of the request. */
  readonly started_ms: number;
  readonly status: number | null;
  readonly failure: string | null;
  readonly upstream_code: string | null;
  readonly verdict: string;
  readonly backoff: string | null;
}

/** The columns of the request log that are shown. Sizes in bytes, times in milliseconds. */
export interface RequestFields {
  readonly id: string;
  readonly started_at: string;
  readonly ended_at: string | null;
  readonly key_id: string | null;
  readonly account_id: string | null;
  readonly surface: string;
  readonly lane: string;
  readonly model: string | null;
  readonly stream: boolean;
  readonly status: number | null;
  readonly outcome: string;
  readonly fault: string | null;
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
  /** Null for a request that was refused before an account was looked for; absent in lists. */
  readonly decision?: { readonly snapshot: number; readonly attempts: readonly LoggedAttempt[] } | null;
}

/** A row of the request log with its columns. The route table leaves them open, since later versions add more. */
export function fieldsOf(request: LoggedRequest): RequestFields {
  return request as unknown as RequestFields;
}
