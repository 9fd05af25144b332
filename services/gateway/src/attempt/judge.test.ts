import { expect, test } from 'vitest';
import { judgeAnswer, needsBody } from './judge.ts';

const NOW_MS = 1_800_000_000_000;

function judge(status: number, body: unknown, headers: Record<string, string> = {}) {
  return judgeAnswer({ status, headers }, needsBody(status) ? Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)) : null, NOW_MS);
}

const error = (fields: object): object => ({ error: { message: 'x', ...fields } });

// Product section 2, "What happens before commit", line by line.
test.each([
  ['a success', 200, {}, 'relay', null],
  ['a redirect', 307, '', 'relay', null],
  ['a bad request', 400, error({ code: 'context_length_exceeded' }), 'relay', null],
  ['a model that the upstream lacks', 404, error({ code: 'model_not_found' }), 'relay', null],
  ['a refused credential', 401, error({ code: 'invalid_api_key' }), 'next', 'auth'],
  ['a plain 403', 403, error({ code: 'unsupported_country_region_territory' }), 'relay', null],
  ['a plain 429', 429, 'Too many requests', 'relay', null],
  ['a 429 with another code', 429, error({ code: 'tokens' }), 'relay', null],
  ['quota by code', 429, error({ code: 'insufficient_quota' }), 'next', 'quota'],
  ['quota by type', 429, error({ type: 'usage_limit_reached' }), 'next', 'quota'],
  ['quota in a 402', 402, error({ code: 'quota_exceeded' }), 'next', 'quota'],
  ['quota in a 403', 403, error({ code: 'resource_exhausted' }), 'next', 'quota'],
  ['a deactivated workspace', 402, { detail: { code: 'deactivated_workspace' } }, 'next', 'forbidden'],
  ['overload by code', 503, error({ code: 'server_is_overloaded' }), 'next', 'overload'],
  ['slow down', 503, error({ code: 'slow_down' }), 'next', 'overload'],
  ['a server error', 500, error({ type: 'server_error' }), 'next', 'server_error'],
  ['a page of a proxy', 502, '<html></html>', 'next', 'server_error'],
  ['an error that is null', 503, { error: null }, 'next', 'server_error'],
] as const)('%s (%i) is judged %s, %s', (_name, status, body, verdict, backoff) => {
  expect(judge(status, body)).toMatchObject({ verdict, backoff });
});

test('the upstream may say how long it is out: in seconds, as a moment, or in Retry-After', () => {
  expect(judge(429, error({ type: 'usage_limit_reached', resets_in_seconds: 90 })).retryAfterS).toBe(90);
  expect(judge(429, error({ type: 'usage_limit_reached', resets_at: NOW_MS / 1_000 + 45 })).retryAfterS).toBe(45);
  expect(judge(503, error({ code: 'slow_down' }), { 'retry-after': '7' }).retryAfterS).toBe(7);
  expect(judge(503, error({ code: 'slow_down' }), { 'retry-after': 'Wed, 21 Oct 2026 07:28:00 GMT' }).retryAfterS).toBeNull();
  expect(judge(429, error({ type: 'usage_limit_reached', resets_at: 5 })).retryAfterS).toBeNull();
});
