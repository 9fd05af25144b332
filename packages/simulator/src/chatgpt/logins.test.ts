import { zstdCompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { openSimulator } from '../open-simulator.ts';
import type { Simulator } from '../open-simulator.ts';
import type { Tokens } from './logins.ts';
import { claimsIn, unsignedJwt } from './unsigned-jwt.ts';

const C1 = { accountId: 'acct-1', refreshToken: 'rt-first-not-a-secret', accessToken: 'at-first-not-a-secret' };

function renew({ url }: Simulator, refreshToken: string): Promise<Response> {
  return fetch(`${url}/oauth/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ client_id: 'app', grant_type: 'refresh_token', refresh_token: refreshToken }),
  });
}

function turn({ url }: Simulator, accessToken: string, body: string | Buffer = '{"model":"gpt-5.5","input":"hello"}', headers = {}): Promise<Response> {
  return fetch(`${url}/backend-api/codex/responses`, {
    method: 'POST',
    headers: { authorization: `Bearer ${accessToken}`, 'content-type': 'application/json', ...headers },
    body: body as string,
  });
}

test('a refresh token is good once, and what it brings is accepted', async () => {
  await using simulator = await openSimulator({ mode: 'scriptable', script: { logins: { c1: { ...C1, lastsS: 60 } } } });
  const answer = await renew(simulator, C1.refreshToken);
  expect(answer.status).toBe(200);
  const tokens = (await answer.json()) as Tokens;
  const { exp, iat } = claimsIn(tokens.access_token) as { exp: number; iat: number };
  expect(exp - iat).toBe(60);
  expect((await turn(simulator, tokens.access_token)).status).toBe(200);

  const again = await renew(simulator, C1.refreshToken);
  expect([again.status, await again.json()]).toEqual([401, { error: expect.objectContaining({ code: 'refresh_token_reused' }) as object }]);
  expect((await renew(simulator, tokens.refresh_token)).status).toBe(200);
  const unknown = await renew(simulator, 'rt-unknown-not-a-secret');
  expect(await unknown.json()).toMatchObject({ error: { code: 'refresh_token_invalidated' } });
});

test('an access token is refused once its login has been expired, once its own time is over, and when nobody has it', async () => {
  const past = unsignedJwt({ exp: 1 });
  await using simulator = await openSimulator({
    mode: 'scriptable',
    script: { logins: { c1: C1, c2: { accountId: 'acct-2', refreshToken: 'rt-2-not-a-secret', accessToken: past } } },
  });
  expect((await turn(simulator, C1.accessToken)).status).toBe(200);
  simulator.expire('c1');
  for (const token of [C1.accessToken, past, 'at-unknown-not-a-secret']) {
    const refused = await turn(simulator, token);
    expect([refused.status, await refused.json()]).toEqual([401, { error: expect.objectContaining({ code: 'token_expired' }) as object }]);
  }
  expect(simulator.received().map(({ path, status }) => [path, status])).toEqual(
    [200, 401, 401, 401].map((status) => ['/backend-api/codex/responses', status]),
  );
});

test('a compressed body is read, and kept track of as it came', async () => {
  await using simulator = await openSimulator({ mode: 'scriptable' });
  const sent = zstdCompressSync(Buffer.from('{"model":"gpt-5.5","input":"squeezed"}'));
  const answer = await turn(simulator, 'any', sent, { 'content-encoding': 'zstd' });
  expect(JSON.stringify(await answer.json())).toContain('You said: squeezed');
  expect(simulator.received()[0]).toMatchObject({ bodyBytes: sent.length, body: { input: 'squeezed' } });
});

test('what codex asks beside the model is answered for the account that asks', async () => {
  await using simulator = await openSimulator({ mode: 'scriptable' });
  const ask = async (path: string): Promise<unknown> =>
    (await fetch(`${simulator.url}/backend-api/wham/${path}`, { headers: { 'chatgpt-account-id': 'acct-1' } })).json();
  expect(await ask('accounts/check')).toMatchObject({ accounts: [{ id: 'acct-1' }], default_account_id: 'acct-1' });
  expect(await ask('usage')).toMatchObject({ account_id: 'acct-1', rate_limit: { primary_window: { used_percent: 10 } } });
  simulator.script({ usage: { plan_type: 'pro' } });
  expect(await ask('usage')).toEqual({ plan_type: 'pro' });
});
