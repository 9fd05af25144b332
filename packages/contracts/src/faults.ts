/** How a client should treat a fault: `never` (the request itself is wrong), `after` (wait as told), `soon` (a retry may pass now). */
export type RetryAdvice = 'never' | 'after' | 'soon';

/** One row of the fault table. `type` is the OpenAI error type that SDKs switch on. */
export interface Fault {
  readonly status: number;
  readonly type: string;
  readonly retry: RetryAdvice;
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  /** What the reader should do about it; printed in docs/errors.md. */
  readonly remedy: string;
  /** The code that clients see, where two of our faults are one to them. */
  readonly sentAs?: 'owner_unavailable';
}

/**
 * Every fault that we make ourselves. Status, retry advice and log level live here so that they cannot drift apart;
 * docs/errors.md is generated from this table. Upstream errors are not in it: they pass through unchanged.
 */
export const FAULTS = {
  ambiguous_credentials: {
    status: 400,
    type: 'invalid_request_error',
    retry: 'never',
    level: 'debug',
    remedy: 'Send exactly one credential: either `Authorization: Bearer KEY` or `x-api-key: KEY`, once.',
  },
  bad_framing: {
    status: 400,
    type: 'invalid_request_error',
    retry: 'never',
    level: 'debug',
    remedy: 'Send one valid `Host`, an origin-form target and HTTP/1.1 framing; check the proxy in front of Switchyard.',
  },
  credential_in_query: {
    status: 400,
    type: 'invalid_request_error',
    retry: 'never',
    level: 'debug',
    remedy: 'Move the key from the address to the `Authorization` header, and revoke it: addresses end up in logs.',
  },
  duplicate_parameter: {
    status: 400,
    type: 'invalid_request_error',
    retry: 'never',
    level: 'debug',
    remedy: 'Send each routed field (`model`, `stream`, `previous_response_id`, …) once.',
  },
  invalid_json: {
    status: 400,
    type: 'invalid_request_error',
    retry: 'never',
    level: 'debug',
    remedy: 'Send a body that is one valid JSON object in UTF-8; the message names the byte where it stops being one.',
  },
  invalid_value: { status: 400, type: 'invalid_request_error', retry: 'never', level: 'debug', remedy: 'Correct the field named in `param`.' },
  json_too_complex: {
    status: 400,
    type: 'invalid_request_error',
    retry: 'never',
    level: 'debug',
    remedy: 'Nest at most 64 levels and send at most 100 000 keys.',
  },
  missing_required_parameter: { status: 400, type: 'invalid_request_error', retry: 'never', level: 'debug', remedy: 'Add the field named in `param`.' },
  invalid_api_key: {
    status: 401,
    type: 'invalid_request_error',
    retry: 'never',
    level: 'debug',
    remedy: 'Send a key made by `switchyard keys create` that has not been revoked.',
  },
  admin_token_required: {
    status: 401,
    type: 'authentication_error',
    retry: 'never',
    level: 'warn',
    remedy: 'Send `Authorization: Bearer TOKEN` with the token from `$SWITCHYARD_HOME/admin.token`.',
  },
  account_refused: {
    status: 422,
    type: 'invalid_request_error',
    retry: 'never',
    level: 'warn',
    remedy: 'The upstream refused the account or could not be reached; check the base URL and the credential, then try again.',
  },
  origin_not_allowed: {
    status: 403,
    type: 'invalid_request_error',
    retry: 'never',
    level: 'debug',
    remedy: 'Open the socket from a program or a page of this machine, or add the origin to `server.cors_origins`.',
  },
  route_not_found: { status: 404, type: 'invalid_request_error', retry: 'never', level: 'debug', remedy: 'Check the path; docs/api.md lists every route.' },
  model_not_found: {
    status: 404,
    type: 'invalid_request_error',
    retry: 'never',
    level: 'debug',
    remedy: 'Ask `GET /v1/models` for the names that this key may use.',
  },
  not_found: { status: 404, type: 'invalid_request_error', retry: 'never', level: 'debug', remedy: 'Check the id; absent and not yours look the same.' },
  method_not_allowed: { status: 405, type: 'invalid_request_error', retry: 'never', level: 'debug', remedy: 'Use a method named in the `Allow` header.' },
  request_timeout: {
    status: 408,
    type: 'invalid_request_error',
    retry: 'soon',
    level: 'debug',
    remedy: 'Send the whole request within the deadline of `limits.body_timeout_ms`.',
  },
  name_taken: { status: 409, type: 'invalid_request_error', retry: 'never', level: 'debug', remedy: 'Choose another name, or remove the one that has it.' },
  held_by_file: { status: 409, type: 'invalid_request_error', retry: 'never', level: 'debug', remedy: 'This is declared in switchyard.toml; change it there.' },
  stale_continuation: {
    status: 409,
    type: 'invalid_request_error',
    retry: 'soon',
    level: 'debug',
    remedy: 'Send the whole conversation again, without `previous_response_id`.',
  },
  body_too_large: { status: 413, type: 'invalid_request_error', retry: 'never', level: 'debug', remedy: 'Send a smaller body, or raise `limits.body_bytes`.' },
  unsupported_media_type: {
    status: 415,
    type: 'invalid_request_error',
    retry: 'never',
    level: 'debug',
    remedy: 'Send `Content-Type: application/json` (UTF-8) and no content encoding on this route.',
  },
  expectation_failed: {
    status: 417,
    type: 'invalid_request_error',
    retry: 'never',
    level: 'debug',
    remedy: 'The only expectation understood is `100-continue`.',
  },
  upgrade_required: {
    status: 426,
    type: 'invalid_request_error',
    retry: 'never',
    level: 'debug',
    remedy: 'Use `POST /v1/responses`; for WebSocket, leave `websocket.enabled` on and mark an account that speaks it with `websocket = true`.',
  },
  headers_too_large: { status: 431, type: 'invalid_request_error', retry: 'never', level: 'debug', remedy: 'Send at most 100 headers in at most 16 KiB.' },
  owner_exhausted: {
    status: 429,
    type: 'usage_limit_reached',
    retry: 'after',
    level: 'warn',
    remedy: 'The account that owns this conversation has used up its quota; wait until `resets_at`, or start a new conversation.',
    sentAs: 'owner_unavailable',
  },
  rate_limit_exceeded: {
    status: 429,
    type: 'rate_limit_error',
    retry: 'after',
    level: 'debug',
    remedy:
      'Wait for `Retry-After` seconds and send fewer requests at once; `limits.requests_per_key` says how many a key may have in progress. Of WebSockets it may have half, while there are other keys.',
  },
  quota_exhausted: {
    status: 429,
    // As the upstream of codex says it, so that its users read the usual words (codex-protocol section 2).
    type: 'usage_limit_reached',
    retry: 'after',
    level: 'warn',
    remedy: 'Wait for `Retry-After` seconds, or add an account; `switchyard quota` shows when each is back.',
  },
  internal_error: {
    status: 500,
    type: 'server_error',
    retry: 'soon',
    level: 'error',
    remedy: 'A fault of Switchyard; the log line with this `request_id` has the cause. Please report it.',
  },
  upstream_unreachable: {
    status: 502,
    type: 'server_error',
    retry: 'soon',
    level: 'warn',
    remedy: 'No account answered; `switchyard why REQUEST_ID` shows each attempt.',
  },
  server_is_overloaded: {
    status: 503,
    type: 'service_unavailable_error',
    retry: 'after',
    level: 'warn',
    remedy:
      'Wait for `Retry-After` seconds; `switchyard_requests_shed_total` says what was full. Raise `limits.active_requests` if the machine has room, or `max_in_flight` of an account if it may do more.',
  },
  owner_unavailable: {
    status: 503,
    type: 'service_unavailable_error',
    retry: 'after',
    level: 'warn',
    remedy: 'The account that owns this conversation cannot serve it now; enable it again or start a new conversation.',
  },
  no_account_available: {
    status: 503,
    type: 'service_unavailable_error',
    retry: 'after',
    level: 'warn',
    remedy: 'No enabled account can serve this; see `switchyard accounts list`.',
  },
  shutting_down: {
    status: 503,
    type: 'service_unavailable_error',
    retry: 'after',
    level: 'info',
    remedy: 'The server is stopping; send the request again, or to another instance.',
  },
  database_unavailable: {
    status: 503,
    type: 'server_error',
    retry: 'after',
    level: 'error',
    remedy: 'PostgreSQL is away; traffic goes on from memory, changes and reads of history wait. See the log.',
  },
} as const satisfies Record<string, Fault>;

export type FaultCode = keyof typeof FAULTS;

const NO_HEADERS: readonly string[] = [];

/** Foreseen trouble, on its way to becoming an answer. `message` says what we were doing; `cause` holds why. */
export class SwitchyardError extends Error {
  readonly code: FaultCode;
  /** The request field at fault, in the client's own spelling. */
  readonly param: string | null;
  readonly retryAfterMs: number | null;
  /** Epoch seconds at which what is used up is full again. */
  readonly resetsAtS: number | null;
  /** Headers that tell more of it, flat. */
  readonly headers: readonly string[];

  constructor(
    code: FaultCode,
    message: string,
    options: { param?: string; retryAfterMs?: number; resetsAtS?: number; headers?: readonly string[]; cause?: unknown } = {},
  ) {
    // Foreseen trouble needs no stack: the code says what it is, and a cause keeps its own. Taking one is most of what a refusal costs,
    // and refusals come in floods.
    const limit = Error.stackTraceLimit;
    Error.stackTraceLimit = 0;
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    Error.stackTraceLimit = limit;
    this.name = 'SwitchyardError';
    this.code = code;
    this.param = options.param ?? null;
    this.retryAfterMs = options.retryAfterMs ?? null;
    this.resetsAtS = options.resetsAtS ?? null;
    this.headers = options.headers ?? NO_HEADERS;
  }

  get fault(): Fault {
    return FAULTS[this.code];
  }
}

/** The error envelope of the OpenAI surfaces and of our own API (product section 1). */
export interface ErrorEnvelope {
  error: { message: string; type: string; param: string | null; code: FaultCode; retryable: boolean; request_id: string; resets_at?: number };
}

/** Renders a fault as clients see it. */
export function errorEnvelope(error: SwitchyardError, requestId: string): ErrorEnvelope {
  const { type, retry, sentAs } = error.fault;
  const { message, param, code, resetsAtS } = error;
  const envelope: ErrorEnvelope = { error: { message, type, param, code: sentAs ?? code, retryable: retry !== 'never', request_id: requestId } };
  if (resetsAtS !== null) envelope.error.resets_at = resetsAtS;
  return envelope;
}

/** `Retry-After` in whole seconds, or null when the fault does not ask for a wait. */
export function retryAfterSeconds(error: SwitchyardError): number | null {
  if (error.fault.retry !== 'after') return null;
  return Math.max(1, Math.ceil((error.retryAfterMs ?? 3_000) / 1_000));
}
