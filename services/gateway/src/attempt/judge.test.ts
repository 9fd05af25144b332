import { expect, test } from 'vitest';
import { judgeAnswer, judgeEvent, judgeFailure, needsBody } from './judge.ts';

const NOW_MS = 1_800_000_000_000;

function judge(status: number, body: unknown, headers: Record<string, string> = {}) {
  return judgeAnswer({ status, headers }, needsBody(status, true) ? Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)) : null, NOW_MS);
}

const error = (fields: object): object => ({ error: { message: 'x', ...fields } });

// What answers look like in the wild, and the row that is theirs; policy.test.ts has the rows.
test.each([
  ['a success', 200, {}, 'passed_on', null],
  ['a redirect', 307, '', 'passed_on', null],
  ['a bad request', 400, error({ code: 'context_length_exceeded' }), 'passed_on', null],
  ['a model that the upstream lacks', 404, error({ code: 'model_not_found' }), 'passed_on', null],
  ['a refused credential', 401, error({ code: 'invalid_api_key' }), 'credential_refused', 'auth'],
  ['a plain 403', 403, error({ code: 'unsupported_country_region_territory' }), 'passed_on', null],
  ['a plain 429', 429, 'Too many requests', 'passed_on', null],
  ['a 429 with another code', 429, error({ code: 'tokens' }), 'passed_on', null],
  ['a 403 that says no more', 403, error({}), 'forbidden', null],
  ['a chain that is not known', 400, error({ code: 'previous_response_not_found' }), 'response_not_found', null],
  ['quota by code', 429, error({ code: 'insufficient_quota' }), 'quota', 'quota'],
  ['quota by type', 429, error({ type: 'usage_limit_reached' }), 'quota', 'quota'],
  ['quota in a 402', 402, error({ code: 'quota_exceeded' }), 'quota', 'quota'],
  ['quota in a 403', 403, error({ code: 'resource_exhausted' }), 'quota', 'quota'],
  ['a deactivated workspace', 402, { detail: { code: 'deactivated_workspace' } }, 'deactivated', 'forbidden'],
  ['overload by code', 503, error({ code: 'server_is_overloaded' }), 'overloaded', 'overload'],
  ['slow down', 503, error({ code: 'slow_down' }), 'overloaded', 'overload'],
  ['a server error', 500, error({ type: 'server_error' }), 'server_error', 'server_error'],
  ['a page of a proxy', 502, '<html></html>', 'server_error', 'server_error'],
  ['an error that is null', 503, { error: null }, 'server_error', 'server_error'],
] as const)('%s (%i) is judged %s, %s', (_name, status, body, name, backoff) => {
  expect(judge(status, body)).toMatchObject({ policy: { name }, backoff });
});

test('a body is read only where it decides: for a 400 or 404 only when nobody but the owner may answer', () => {
  const read = (isOwned: boolean): number[] => [200, 307, 400, 401, 402, 403, 404, 409, 422, 429, 500, 529].filter((status) => needsBody(status, isOwned));
  expect(read(false)).toEqual([401, 402, 403, 429, 500, 529]);
  expect(read(true)).toEqual([400, 401, 402, 403, 404, 429, 500, 529]);
});

test('the upstream may say how long it is out, but not for how long its refusal of a credential holds', () => {
  expect(judge(429, error({ type: 'usage_limit_reached', resets_in_seconds: 90 })).retryAfterS).toBe(90);
  expect(judge(503, error({ code: 'slow_down' }), { 'retry-after': '7' }).retryAfterS).toBe(7);
  expect(judge(402, error({ code: 'account_deactivated' }), { 'retry-after': '7' }).retryAfterS).toBeNull();
  expect(judge(429, 'Too many requests', { 'retry-after': '7' })).toMatchObject({ backoff: null, retryAfterS: null });
});

test('the limit of a minute is over soon, also when nobody says so; the limit of a day is not', () => {
  expect(judge(429, error({ code: 'rate_limit_exceeded', message: 'Please try again in 1.2s.' })).retryAfterS).toBe(1.2);
  expect(judge(429, error({ code: 'rate_limit_exceeded' })).retryAfterS).toBeNull();
  expect(judge(429, error({ code: 'insufficient_quota' })).retryAfterS).toBeNull();
});

test.each([
  ['a failed response', { type: 'response.failed', response: { id: 'r', error: { code: 'server_is_overloaded', message: 'x' } } }, 'overloaded', null],
  ['one with a hint', { type: 'response.failed', response: { error: { code: 'rate_limit_exceeded', message: 'Please try again in 1.2s.' } } }, 'quota', 1.2],
  ['one that is the request’s own fault', { type: 'response.failed', response: { error: { code: 'context_length_exceeded' } } }, 'passed_on', null],
  ['one that says nothing', { type: 'response.failed', response: { error: null } }, 'passed_on', null],
  ['an error event', { type: 'error', code: 'server_error', message: 'x', param: null }, 'server_error', null],
  ['an error event as some send it', { type: 'error', error: { type: 'usage_limit_reached', resets_in_seconds: 60 } }, 'quota', 60],
  ['an error in a stream of chat', { error: { message: 'x', type: 'server_error', code: null } }, 'server_error', null],
  ['an error of the request in a stream of chat', { error: { message: 'x', type: 'server_error', code: 'invalid_prompt' } }, 'passed_on', null],
] as const)('in the opening of a stream, %s is judged %s', (_name, event, name, retryAfterS) => {
  expect(judgeEvent(JSON.stringify(event), NOW_MS)).toMatchObject({ policy: { name }, retryAfterS });
});

test('an opening that is no JSON is the client’s', () => {
  expect(judgeEvent('{"type":"response.failed",', NOW_MS).policy.name).toBe('passed_on');
});

test('a failure is judged by its reason alone', () => {
  expect(judgeFailure('connect')).toMatchObject({ policy: { name: 'unreachable' }, backoff: 'transport' });
  expect(judgeFailure('ended')).toMatchObject({ policy: { name: 'broken_off' }, backoff: 'transport' });
});

// Which limit was reached, what is left of the account's own, and whether the refusal is of the model alone.
test.each([
  ['codex_spark', { 'x-codex-primary-used-percent': '30', 'x-codex-secondary-used-percent': '10' }, 'model_quota'],
  ['codex_spark', { 'x-codex-primary-used-percent': '30', 'x-codex-secondary-used-percent': '100' }, 'quota'],
  ['codex_spark', {}, 'quota'],
  ['codex', { 'x-codex-primary-used-percent': '30' }, 'quota'],
  [null, { 'x-codex-primary-used-percent': '30' }, 'quota'],
] as const)('a refusal that names the limit %s, with %j, puts aside by %s', (limit, told, backoff) => {
  const headers = { ...told, ...(limit === null ? {} : { 'x-codex-active-limit': limit }) };
  const body = Buffer.from(JSON.stringify({ error: { type: 'usage_limit_reached', message: 'limit', resets_in_seconds: 60 } }));
  expect(judgeAnswer({ status: 429, headers }, body, 0)).toMatchObject({ policy: { name: 'quota' }, backoff, retryAfterS: 60 });
});
