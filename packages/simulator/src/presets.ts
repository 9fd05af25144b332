import type { Behaviour } from './behaviour.ts';

const RESET_AT = 1_893_456_000;

function fails(status: number, code: string | null, message: string, type = 'invalid_request_error'): Behaviour {
  return { status, body: { error: { message, type, param: null, code } } };
}

/** `response.failed` codes that codex tells apart (codex-protocol 2.8). */
const FAILED_CODES = [
  'context_length_exceeded',
  'insufficient_quota',
  'usage_not_included',
  'invalid_prompt',
  'bio_policy',
  'cyber_policy',
  'model_not_found',
  'server_is_overloaded',
  'flex_unavailable',
  'rate_limit_exceeded',
  'slow_down',
  'usage_limit_reached',
  'server_error',
] as const;

const PLAIN_STATUSES: Readonly<Record<string, string>> = {
  400: 'Bad request.',
  401: 'Incorrect API key provided.',
  402: 'Payment required.',
  403: 'You may not do this.',
  404: 'Not found.',
  408: 'Request timed out.',
  409: 'Conflict.',
  413: 'Request too large.',
  422: 'Unprocessable.',
  429: 'Too many requests.',
  500: 'The server had an error.',
  502: 'Bad gateway.',
  503: 'Service unavailable.',
  504: 'Gateway timeout.',
  529: 'Overloaded.',
};

/**
 * Named answers: every row of codex-protocol 2.8 and what gateways in between add. A bare status (`"500"`) has the envelope
 * without a code; `failed_*` and `incomplete_*` end the surface's usual answer.
 */
export const PRESETS: Readonly<Record<string, Behaviour>> = {
  ...Object.fromEntries(
    Object.entries(PLAIN_STATUSES).map(([status, message]) => [
      status,
      fails(Number(status), null, message, Number(status) >= 500 ? 'server_error' : 'invalid_request_error'),
    ]),
  ),
  context_length_exceeded: fails(400, 'context_length_exceeded', 'Your input exceeds the context window of this model.'),
  cyber_policy: fails(400, 'cyber_policy', 'This request was flagged.'),
  previous_response_not_found: {
    status: 400,
    body: {
      error: { message: 'Previous response not found.', type: 'invalid_request_error', param: 'previous_response_id', code: 'previous_response_not_found' },
    },
  },
  invalid_api_key: fails(401, 'invalid_api_key', 'Incorrect API key provided.'),
  deactivated_workspace: { status: 402, body: { detail: { code: 'deactivated_workspace' } } },
  model_not_found: fails(404, 'model_not_found', 'The model does not exist or you do not have access to it.'),
  rate_limit_plain: { status: 429, text: 'Too many requests', headers: { 'content-type': 'text/plain' } },
  rate_limit_exceeded: fails(429, 'rate_limit_exceeded', 'Rate limit reached. Please try again in 1.2s.', 'rate_limit_error'),
  rate_limit_retry_after: { ...fails(429, null, 'Rate limit reached.', 'rate_limit_error'), headers: { 'retry-after': '1' } },
  rate_limit_retry_after_ms: { ...fails(429, null, 'Rate limit reached.', 'rate_limit_error'), headers: { 'retry-after-ms': '20' } },
  usage_limit_reached: {
    status: 429,
    quota: { primary: { usedPercent: 100, windowMinutes: 300, resetAt: RESET_AT } },
    body: { error: { type: 'usage_limit_reached', message: 'The usage limit has been reached', plan_type: 'plus', resets_at: RESET_AT } },
  },
  usage_not_included: { status: 429, body: { error: { type: 'usage_not_included', message: 'Your plan does not include this.' } } },
  insufficient_quota: fails(429, 'insufficient_quota', 'You exceeded your current quota, please check your plan and billing details.', 'insufficient_quota'),
  server_is_overloaded: fails(503, 'server_is_overloaded', 'The server is overloaded.', 'service_unavailable_error'),
  slow_down: fails(503, 'slow_down', 'Slow down.', 'service_unavailable_error'),
  proxy_page: { status: 502, text: '<html><body><h1>502 Bad Gateway</h1></body></html>\n', headers: { 'content-type': 'text/html' } },
  redirect: { status: 307, text: '', headers: { location: '/v1/elsewhere' } },
  ...Object.fromEntries(FAILED_CODES.map((code) => [`failed_${code}`, { end: { failed: { code, message: failedMessage(code) } } }])),
  incomplete_max_output_tokens: { end: { incomplete: 'max_output_tokens' } },
  incomplete_content_filter: { end: { incomplete: 'content_filter' } },
  /** A typed `error` event, which SDKs throw on and codex ignores (trap 11). */
  error_event: { end: { error: { code: 'server_error', message: 'The stream failed.' } } },
  /** The stream closes in good order without its last event. */
  eof: { end: 'none' },
  /** The connection is reset after the third event. */
  reset: { cut: { at: { units: 3 }, how: 'reset' } },
  /** Silence after the third event, until the client leaves. */
  silence: { hold: { at: 3 } },
};

function failedMessage(code: string): string {
  return code === 'rate_limit_exceeded' ? 'Rate limit reached. Please try again in 1.2s.' : `The response failed: ${code}.`;
}
