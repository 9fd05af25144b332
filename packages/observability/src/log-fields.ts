/**
 * What a field of a log line may hold.
 * `text` is scrubbed and cut; `number` must be finite; `flag` is a boolean; `list` is an array of texts; `error` is a chain of causes.
 */
export type LogFieldKind = 'text' | 'number' | 'flag' | 'list' | 'error';

/**
 * Every field that a log line may carry besides `time`, `level`, `component`, `event` and `msg`. What is absent here never
 * reaches a log (requirement R11 of the fault catalogue): headers, bodies, prompts, credentials and queries have no row.
 */
export const LOG_FIELDS = {
  // Who and what a line is about.
  request_id: 'text',
  client_request_id: 'text',
  upstream_request_id: 'text',
  account: 'text',
  account_id: 'text',
  key_id: 'text',
  actor: 'text',
  action: 'text',
  kind: 'text',
  name: 'text',
  service: 'text',
  instance: 'text',
  // The request and its way.
  method: 'text',
  route: 'text',
  lane: 'text',
  model: 'text',
  status: 'number',
  code: 'text',
  reason: 'text',
  outcome: 'text',
  attempt: 'number',
  attempts: 'number',
  streamed: 'flag',
  // Durations in milliseconds, sizes in bytes, plain counts.
  duration_ms: 'number',
  first_byte_ms: 'number',
  waited_ms: 'number',
  backoff_ms: 'number',
  limit_ms: 'number',
  retry_after_ms: 'number',
  bytes_in: 'number',
  bytes_out: 'number',
  size_bytes: 'number',
  limit_bytes: 'number',
  count: 'number',
  total: 'number',
  limit: 'number',
  active: 'number',
  queued: 'number',
  dropped: 'number',
  rows: 'number',
  // Processes, sockets and files.
  address: 'text',
  host: 'text',
  port: 'number',
  pid: 'number',
  parent_pid: 'number',
  signal: 'text',
  exit_code: 'number',
  version: 'text',
  path: 'text',
  directory: 'text',
  socket: 'text',
  // Settings and the database.
  setting: 'text',
  origin: 'text',
  remedy: 'text',
  names: 'list',
  state: 'text',
  from: 'text',
  to: 'text',
  migration: 'text',
  sqlstate: 'text',
  error: 'error',
} as const satisfies Record<string, LogFieldKind>;

export type LogFieldName = keyof typeof LOG_FIELDS;

interface LogFieldValue {
  text: string | null;
  number: number | bigint | null;
  flag: boolean;
  list: readonly string[];
  error: unknown;
}

/** The fields a caller may pass: names from LOG_FIELDS, each with a value of its kind; `undefined` is left out. */
export type LogFields = { readonly [K in LogFieldName]?: LogFieldValue[(typeof LOG_FIELDS)[K]] | undefined };
