import { expect, test } from 'vitest';
import { parseCodexLogin, renewLoginAtMs } from './codex-login.ts';

const jwt = (claims: object): string => `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.none`;
const ACCESS = jwt({ exp: 2_000_000_000, 'https://api.openai.com/auth': { chatgpt_account_id: 'acct-token' } });
const tokens = { access_token: ACCESS, refresh_token: 'rt-test-not-a-secret', id_token: jwt({}), account_id: 'acct-1' };

test('the login of an auth.json is read, with the account that it is for', () => {
  const text = JSON.stringify({ auth_mode: 'chatgpt', OPENAI_API_KEY: null, last_refresh: '2026-11-21T11:00:00Z', tokens });
  expect(parseCodexLogin(text)).toEqual({ ...tokens, last_refresh: '2026-11-21T11:00:00Z' });
});

test('without an account id the token says it', () => {
  const { account_id: _, id_token: __, ...rest } = tokens;
  expect(parseCodexLogin(JSON.stringify({ tokens: rest }))).toEqual({ ...rest, id_token: null, account_id: 'acct-token', last_refresh: null });
});

test.each([
  ['{"tokens":', 'is not JSON'],
  ['[]', 'holds no ChatGPT login'],
  ['{"auth_mode":"apikey","OPENAI_API_KEY":"sk-test-not-a-secret"}', 'holds an API key'],
  [JSON.stringify({ tokens: { access_token: ACCESS } }), 'holds half'],
  [JSON.stringify({ tokens: { ...tokens, access_token: 'two words' } }), 'holds half'],
  [JSON.stringify({ tokens: { access_token: 'opaque', refresh_token: 'rt' } }), 'does not say which account'],
])('%s is refused in words that name no secret', (text, said) => {
  expect(() => parseCodexLogin(text)).toThrow(
    expect.objectContaining({ code: 'invalid_value', param: 'codex_home', message: expect.stringContaining(said) as string }) as Error,
  );
  expect(() => parseCodexLogin(text)).toThrow(expect.objectContaining({ message: expect.not.stringContaining('not-a-secret') as string }) as Error);
});

test('a login is renewed five minutes before its token ends, else eight days after the last time, else when it is refused', () => {
  expect(renewLoginAtMs({ access_token: ACCESS, last_refresh: null })).toBe(2_000_000_000_000 - 300_000);
  expect(renewLoginAtMs({ access_token: 'opaque', last_refresh: '2026-11-21T00:00:00Z' })).toBe(Date.parse('2026-11-29T00:00:00Z'));
  expect(renewLoginAtMs({ access_token: 'opaque', last_refresh: null })).toBe(Infinity);
});

test.each<[string, { readonly iat?: number; readonly exp: number }, number]>([
  ['of five minutes waits for half of them', { exp: 300 }, 150],
  ['of an hour is renewed five minutes before its end', { exp: 3_600 }, 3_300],
  ['of an hour, by a clock an hour behind ours, waits for half an hour', { iat: -3_600, exp: 0 }, 1_800],
  ['that has ended before it came waits for a minute', { exp: -10 }, 60],
])('a token %s', (_, { iat, exp }, dueInSeconds) => {
  const cameMs = Date.parse('2026-11-21T00:00:00Z');
  const at = (seconds: number): number => cameMs / 1_000 + seconds;
  const token = jwt({ exp: at(exp), ...(iat === undefined ? {} : { iat: at(iat) }) });
  expect(renewLoginAtMs({ access_token: token, last_refresh: '2026-11-21T00:00:00Z' })).toBe(at(dueInSeconds) * 1_000);
});
