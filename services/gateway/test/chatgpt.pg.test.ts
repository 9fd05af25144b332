import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import { openSimulator, unsignedJwt } from '@switchyard/simulator';
import type { Simulator } from '@switchyard/simulator';
import { connectSocket, temporaryHome } from '@switchyard/testkit';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { addAccount, removeAccount, showAccounts } from '../src/index.ts';
import { KEY, openTestGateway, untilRows } from './open-test-gateway.ts';
import type { TestGateway } from './open-test-gateway.ts';

const ACCESS = 'at-first-not-a-secret';
const REFRESH = 'rt-first-not-a-secret';
/** What an account has no limits for. */
const FREE = { organization: null, project: null, headers: {}, maxInFlight: null, softInFlight: null, reservePercent: 0, modelMap: {} };
const AUTH = { authorization: `Bearer ${KEY}` };

let opened: AsyncDisposableStack;
let gateway: TestGateway;
let backend: Simulator;
let codexHome: string;

beforeEach(async () => {
  opened = new AsyncDisposableStack();
  gateway = opened.use(await openTestGateway(1));
  backend = opened.use(await openSimulator({ mode: 'scriptable' }));
  codexHome = join(opened.use(await temporaryHome()).path, 'codex');
});
afterEach(() => opened.disposeAsync());

/** Links a login that the backend knows, for the model `g`. */
async function addLogin(accessToken = ACCESS, name = 'c1'): Promise<void> {
  backend.script({ logins: { [name]: { accountId: `acct-${name}`, accessToken, refreshToken: REFRESH } } });
  await addAccount(gateway.gateway.control, {
    name,
    kind: 'chatgpt',
    baseUrl: `${backend.url}/backend-api/codex`,
    credential: null,
    models: ['g'],
    priority: 100,
    websocket: true,
    ...FREE,
    login: {
      tokens: { access_token: accessToken, refresh_token: REFRESH, id_token: null, account_id: `acct-${name}`, last_refresh: null },
      tokenUrl: `${backend.url}/oauth/token`,
      codexHome,
    },
  });
}

const turn = (init: RequestInit = {}, path = '/v1/responses') => gateway.ask(path, { model: 'g', input: 'hello', store: false }, init);
const renewals = () => backend.received().filter(({ path }) => path === '/oauth/token');
/** What came but for the polls of usage, which come by themselves. */
const received = () => backend.received({ full: true }).filter(({ path }) => !path.endsWith('/wham/usage'));
const paths = () => received().map(({ path, status }) => `${path} ${status}`);

interface Attempt {
  readonly account: string;
  readonly chosen_by: string;
  readonly verdict: string;
  readonly status: number;
  readonly backoff?: string;
}
interface Decision {
  readonly attempts: readonly Attempt[];
  readonly unserved?: { readonly reason: string; readonly account?: string };
}
async function decisionOf(answer: Response): Promise<Decision> {
  const sql = `select decision from gateway.request where ended_at is not null and id = '${answer.headers.get('x-switchyard-request-id')}'`;
  const [row] = await untilRows<{ decision: Decision }>(gateway.pool, sql, (rows) => rows.length === 1);
  return row!.decision;
}
const attemptsOf = async (answer: Response) => (await decisionOf(answer)).attempts;

describe('an account that is a ChatGPT login', () => {
  test('is asked below its own path, with its token and its account; the tokens are nowhere in the database but sealed', async () => {
    await addLogin();
    const answer = await turn({ headers: { 'chatgpt-account-id': 'acct-of-the-client', 'thread-id': 't1' } });
    expect([answer.status, answer.headers.get('x-switchyard-account')]).toEqual([200, 'c1']);
    const [{ path, headers }] = received() as unknown as [{ path: string; headers: Record<string, string> }];
    expect(path).toBe('/backend-api/codex/responses');
    expect(headers).toMatchObject({ authorization: `Bearer ${ACCESS}`, 'chatgpt-account-id': 'acct-c1', 'thread-id': 't1' });
    const { rows } = await gateway.pool.query<{ row: string }>('select account::text as row from gateway.account');
    for (const secret of [ACCESS, REFRESH])
      for (const form of [secret, Buffer.from(secret).toString('hex')]) expect(rows.map(({ row }) => row).join('\n')).not.toContain(form);
    expect(await showAccounts(gateway.gateway.control)).toContainEqual(expect.objectContaining({ name: 'c1', kind: 'chatgpt', login_state: 'ok' }));
  });

  test('serves Responses and nothing else', async () => {
    await addLogin();
    expect((await turn({}, '/v1/responses/compact')).status).toBe(200);
    const chat = await gateway.ask('/v1/chat/completions', { model: 'g', messages: [] });
    expect([chat.status, await chat.json()]).toEqual([
      404,
      { error: expect.objectContaining({ code: 'model_not_found', message: expect.stringContaining('only on /v1/responses') as string }) as object },
    ]);
    // What names no model goes to whoever can take it.
    expect((await gateway.ask('/v1/images')).headers.get('x-switchyard-account')).toBe('a');
    const { data } = (await (await gateway.ask('/v1/models')).json()) as { data: { id: string }[] };
    expect(data.map(({ id }) => id)).toEqual(['g', 'm']);
    expect(paths()).toEqual(['/backend-api/codex/responses/compact 200']);
  });

  test('its models are asked for as codex asks for them', async () => {
    await addLogin();
    const { models, kind } = (await showAccounts(gateway.gateway.control)).find(({ name }) => name === 'c1')!;
    expect([kind, models]).toEqual(['chatgpt', ['g']]);
    await removeAccount(gateway.gateway.control, 'c1');
    await addAccount(gateway.gateway.control, {
      name: 'c2',
      kind: 'chatgpt',
      baseUrl: `${backend.url}/backend-api/codex`,
      credential: null,
      models: null,
      priority: 100,
      websocket: true,
      ...FREE,
      login: {
        tokens: { access_token: ACCESS, refresh_token: REFRESH, id_token: null, account_id: 'acct-c1', last_refresh: null },
        tokenUrl: null,
        codexHome: null,
      },
    });
    expect((await showAccounts(gateway.gateway.control)).find(({ name }) => name === 'c2')!.models).toContain('gpt-5.5');
    expect(received().at(-1)).toMatchObject({ path: '/backend-api/codex/models', query: '?client_version=0.169.0' });
  });
});

describe('a token that is refused', () => {
  test('is renewed once, and the same account asked again: the client sees one answer', async () => {
    await addLogin();
    backend.expire('c1');
    const answer = await turn();
    expect([answer.status, answer.headers.get('x-switchyard-account')]).toEqual([200, 'c1']);
    expect(paths()).toEqual(['/backend-api/codex/responses 401', '/oauth/token 200', '/backend-api/codex/responses 200']);
    expect(renewals()[0]?.body).toMatchObject({ grant_type: 'refresh_token', refresh_token: REFRESH, refresh_reason: 'unauthorized_recovery' });
    expect(await attemptsOf(answer)).toMatchObject([
      { account: 'c1', status: 401, verdict: 'same_account' },
      { account: 'c1', status: 200, verdict: 'relayed', chosen_by: 'renewed' },
    ]);
    expect((await attemptsOf(answer))[0]).not.toHaveProperty('backoff');
    expect(await gateway.metric('switchyard_login_renewals_total{result="renewed"}')).toBe(1);
    expect(await gateway.metric('switchyard_upstream_in_flight')).toBe(0);
    expect(JSON.stringify(gateway.log)).not.toContain('not-a-secret');
  });

  test('is renewed once for all requests that meet it at the same time', async () => {
    await addLogin();
    backend.expire('c1');
    const answers = await Promise.all(Array.from({ length: 64 }, () => turn()));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(renewals()).toHaveLength(1);
  });

  test('is renewed for a turn on a WebSocket, too, whether the upgrade is refused or the frame', async () => {
    await addLogin();
    backend.expire('c1');
    await using client = await connectSocket(gateway.url, AUTH);
    client.create({ model: 'g', input: 'one' });
    await client.next('response.completed');
    expect(renewals()).toHaveLength(1);
    backend.script({ rules: [{ match: { transport: 'socket' }, answer: { status: 401, body: { error: { code: 'token_expired' } } } }] });
    await gateway.pool.query('update gateway.account set login_generation = 0');
    client.create({ model: 'g', input: 'two' });
    await client.next('response.completed');
    expect(renewals()).toHaveLength(2);
    expect(client.frames.filter(({ type }) => type === 'error')).toEqual([]);
  });

  test('goes to the next account when it cannot be renewed now, and is tried again later', async () => {
    await addLogin();
    await addAccount(gateway.gateway.control, {
      name: 'other',
      kind: 'openai-compatible',
      baseUrl: `${gateway.upstreams[0]!.url}/v1`,
      credential: null,
      models: ['g'],
      priority: 200,
      websocket: false,
      ...FREE,
    });
    backend.expire('c1');
    backend.script({ rules: [{ match: { path: '/oauth/token' }, answer: { preset: '503' } }] });
    const answer = await turn();
    expect([answer.status, answer.headers.get('x-switchyard-account')]).toEqual([200, 'other']);
    expect(await attemptsOf(answer)).toMatchObject([{ account: 'c1', status: 401, backoff: 'auth' }, { account: 'other' }]);
    gateway.skip(600_000);
    // How accounts stand is looked at once a second.
    while ((await turn()).headers.get('x-switchyard-account') !== 'c1') await new Promise((resolve) => setTimeout(resolve, 50));
    expect(renewals().map(({ status }) => status)).toEqual([503, 200]);
  });

  test('that is renewed is the only credential that is opened for it, here and in other processes', async () => {
    await addLogin();
    await using other = await gateway.reopen();
    const { id } = (await showAccounts(gateway.gateway.control)).find(({ name }) => name === 'c1')!;
    const open = vi.spyOn(gateway.gateway.control.vault, 'open');
    backend.expire('c1');
    for (const url of [gateway.url, other.url]) {
      const init = { method: 'POST', headers: { ...AUTH, 'content-type': 'application/json' }, body: JSON.stringify({ model: 'g', input: 'hello' }) };
      expect((await fetch(`${url}/v1/responses`, init)).status).toBe(200);
    }
    expect(renewals()).toHaveLength(1);
    expect(new Set(open.mock.calls.map(([, place]) => place))).toEqual(new Set([`account:${id}:credential`]));
  });

  test('that is refused again just after it was renewed is not renewed again', async () => {
    await addLogin();
    backend.script({ rules: [{ match: { path: '/backend-api/codex/*' }, times: 'always', answer: { status: 401, body: { error: { code: 'nope' } } } }] });
    for (let n = 0; n < 3; n++) expect((await turn()).status).toBe(401);
    expect(renewals()).toHaveLength(1);
  });

  test('that its issuer does not renew any more ends the login, until there is another in the Codex home', async () => {
    await addLogin();
    backend.expire('c1');
    backend.script({ rules: [{ match: { path: '/oauth/token' }, answer: { status: 400, body: { error: 'invalid_grant' } } }] });
    expect((await turn()).status).toBe(401);
    expect((await showAccounts(gateway.gateway.control)).find(({ name }) => name === 'c1')).toMatchObject({ login_state: 'needs_login' });
    const refused = await turn();
    expect([refused.status, await refused.json()]).toEqual([503, { error: expect.objectContaining({ code: 'no_account_available' }) as object }]);
    expect(await decisionOf(refused)).toMatchObject({ attempts: [], unserved: { reason: 'needs_login', account: 'c1' } });
    expect(gateway.log).toContainEqual(
      expect.objectContaining({ event: 'login_ended', fields: expect.objectContaining({ account: 'c1', code: 'invalid_grant' }) as object }),
    );

    backend.script({ logins: { c1: { accountId: 'acct-c1', accessToken: 'at-second-not-a-secret', refreshToken: 'rt-second-not-a-secret' } } });
    await mkdir(codexHome, { recursive: true });
    const tokens = { access_token: 'at-second-not-a-secret', refresh_token: 'rt-second-not-a-secret', account_id: 'acct-c1' };
    await writeFile(join(codexHome, 'auth.json'), JSON.stringify({ tokens, last_refresh: new Date().toISOString() }));
    gateway.skip(20_000);
    while ((await turn()).status !== 200) await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await gateway.metric('switchyard_login_renewals_total{result="adopted"}')).toBe(1);
  });
});

describe('tokens that could not be stored, while the refresh token before them is spent', () => {
  /** Lets a renewal come to its end at the issuer, but not in the database. */
  async function renewUnsaved(): Promise<void> {
    await addLogin();
    backend.expire('c1');
    backend.script({ rules: [{ match: { path: '/oauth/token' }, answer: { hold: { at: 'before_head', gate: 'issued' } } }] });
    const refused = turn();
    await backend.until(({ byPath }) => byPath['/oauth/token']?.open === 1);
    // The connection that holds the lock, while it waits for the issuer.
    await gateway.pool.query(
      `select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and classid = ${0x5359} and granted and database = (select oid from pg_database where datname = current_database())`,
    );
    backend.release('issued');
    expect((await refused).status).toBe(401);
    expect(gateway.log).toContainEqual(expect.objectContaining({ event: 'login_not_renewed' }));
  }
  const loginState = async () => (await showAccounts(gateway.gateway.control)).find(({ name }) => name === 'c1')!.login_state;

  test('are kept until they can be', async () => {
    await renewUnsaved();
    gateway.skip(10_000);
    while ((await turn()).status !== 200) await new Promise((resolve) => setTimeout(resolve, 50));
    expect(renewals().map(({ status }) => status)).toEqual([200]);
  });

  test('make the login good again, though another process has spent what it had and taken it for ended', async () => {
    const other = opened.use(await gateway.reopen());
    await renewUnsaved();
    const body = JSON.stringify({ model: 'g', input: 'hello', store: false });
    while ((await loginState()) === 'ok')
      await fetch(`${other.url}/v1/responses`, { method: 'POST', headers: { ...AUTH, 'content-type': 'application/json' }, body });
    expect(await loginState()).toBe('needs_login');
    gateway.skip(10_000);
    await expect.poll(loginState, { timeout: 5_000 }).toBe('ok');
    expect(renewals().map(({ status }) => status)).toEqual([200, 401]);
    while ((await turn()).status !== 200) await new Promise((resolve) => setTimeout(resolve, 50));
  });
});

test('a token that ends within five minutes is renewed before anybody is refused', async () => {
  const ending = unsignedJwt({ exp: Math.floor(Date.now() / 1_000) + 200 });
  await addLogin(ending);
  await backend.until(({ byPath }) => byPath['/oauth/token']?.completed === 1);
  expect(renewals()[0]?.body).toMatchObject({ refresh_reason: 'proactive_expiry' });
  expect((await turn()).status).toBe(200);
  expect(paths().filter((path) => path.endsWith('401'))).toEqual([]);
});

test('the key of an account that was replaced meanwhile is read anew, and the account asked again', async () => {
  const [upstream] = gateway.upstreams;
  upstream!.script({ keys: { new: 'sk-test-new-not-a-secret' } });
  const { control } = gateway.gateway;
  await removeAccount(control, 'a');
  const draft = {
    name: 'a',
    kind: 'openai-compatible',
    baseUrl: `${upstream!.url}/v1`,
    models: ['m'],
    priority: 100,
    websocket: true,
    ...FREE,
  } as const;
  await addAccount(control, { ...draft, credential: 'sk-test-new-not-a-secret' });
  const { rows } = await gateway.pool.query<{ id: string }>('select id from gateway.account');
  const { id } = rows[0]!;
  // As a process that has not heard of the change: the old key is in memory, the new one in the row.
  const sealed = await gateway.pool.query<{ credential: Buffer }>('select credential from gateway.account');
  await gateway.pool.query('update gateway.account set credential = $1', [control.vault.seal('sk-test-old-not-a-secret', `account:${id}:credential`)]);
  await control.applied();
  await gateway.pool.query('update gateway.account set credential = $1', [sealed.rows[0]!.credential]);
  const answer = await gateway.ask('/v1/chat/completions', { model: 'm', messages: [] });
  expect(answer.status).toBe(200);
  expect(await attemptsOf(answer)).toMatchObject([
    { status: 401, verdict: 'same_account' },
    { status: 200, chosen_by: 'renewed' },
  ]);

  // One that is wrong for good is read anew once, and not asked again.
  await gateway.pool.query('update gateway.account set credential = $1', [control.vault.seal('sk-test-wrong-not-a-secret', `account:${id}:credential`)]);
  await control.applied();
  const refused = await gateway.ask('/v1/chat/completions', { model: 'm', messages: [] });
  expect(refused.status).toBe(401);
  expect(await attemptsOf(refused)).toMatchObject([{ status: 401, backoff: 'auth', verdict: 'relayed' }]);
});

describe('a compressed body', () => {
  const plain = JSON.stringify({ model: 'g', input: 'squeezed '.repeat(50), store: false });
  const encoded = zstdCompressSync(Buffer.from(plain));
  const init = { method: 'POST', headers: { 'content-type': 'application/json', 'content-encoding': 'zstd' }, body: encoded };

  test.each(['/v1/responses', '/backend-api/codex/responses'])('goes to a login as it came: %s', async (path) => {
    await addLogin();
    const answer = await gateway.ask(path, undefined, init);
    expect([answer.status, JSON.stringify(await answer.json())]).toEqual([200, expect.stringContaining('You said: squeezed') as string]);
    expect(received()[0]).toMatchObject({
      path: '/backend-api/codex/responses',
      bodySha256: createHash('sha256').update(encoded).digest('hex'),
      headers: { 'content-encoding': 'zstd' },
    });
    expect(await gateway.metric('switchyard_request_body_bytes')).toBe(0);
  });

  test('goes to any other account as what it holds', async () => {
    const body = zstdCompressSync(Buffer.from(plain.replace('"g"', '"m"')));
    expect((await gateway.ask('/v1/responses', undefined, { ...init, body })).status).toBe(200);
    const [received] = gateway.upstreams[0]!.received();
    expect(received).toMatchObject({ bodySha256: createHash('sha256').update(plain.replace('"g"', '"m"')).digest('hex') });
    expect(received!.headers).not.toHaveProperty('content-encoding');
    expect(await gateway.metric('switchyard_request_body_bytes')).toBe(0);
  });

  test('that would fill the memory is refused, and no account is asked; on other surfaces it is not taken at all', async () => {
    await addLogin();
    const bomb = await gateway.ask('/v1/responses', undefined, {
      ...init,
      body: zstdCompressSync(JSON.stringify({ model: 'g', input: 'a'.repeat(50_000_000) })),
    });
    expect([bomb.status, await bomb.json()]).toEqual([413, { error: expect.objectContaining({ code: 'body_too_large' }) as object }]);
    const chat = await gateway.ask('/v1/chat/completions', undefined, init);
    expect([chat.status, await chat.json()]).toEqual([415, { error: expect.objectContaining({ code: 'unsupported_media_type' }) as object }]);
    expect(received()).toEqual([]);
    expect(await gateway.metric('switchyard_request_body_bytes')).toBe(0);
  });
});

describe('what codex asks beside the model', () => {
  const ask = (path: string, headers: Record<string, string> = {}) => gateway.ask(`/backend-api/wham/${path}`, undefined, { headers });

  test('is answered for the account that it takes itself for, and asks no account', async () => {
    await addLogin();
    const check = await (await ask('accounts/check', { 'chatgpt-account-id': 'acct-of-the-client' })).json();
    expect(check).toMatchObject({
      accounts: [{ id: 'acct-of-the-client', workspace_backend_origin: 'https://chatgpt.com', account_routing_override: 'NO_CONSTRAINT' }],
      default_account_id: 'acct-of-the-client',
    });
    for (const path of ['settings/user', 'profiles/me', 'rate-limit-reset-credits']) expect((await ask(path)).status).toBe(200);
    expect([(await ask('other')).status, (await fetch(`${gateway.url}/backend-api/wham/accounts/check`)).status]).toEqual([404, 401]);
    expect(received()).toEqual([]);
  });

  test('its quota is that of the account to which it would go now, learnt by asking that aside from all requests', async () => {
    const window = (used: number, length: number): object => ({
      used_percent: used,
      limit_window_seconds: length,
      reset_after_seconds: 60,
      reset_at: 4_000_000_000,
    });
    backend.script({ usage: { plan_type: 'pro', rate_limit: { primary_window: window(37, 18_000), secondary_window: window(12, 604_800) } } });
    await removeAccount(gateway.gateway.control, 'a');
    await addLogin();
    type Usage = { plan_type: string; rate_limit: { limit_reached: boolean; primary_window: { used_percent: number } | null } };
    const shown = async (): Promise<Usage> => (await ask('usage', { 'chatgpt-account-id': 'acct-of-the-client' })).json() as Promise<Usage>;
    while ((await shown()).rate_limit.primary_window === null) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await shown()).toMatchObject({
      plan_type: 'pro',
      account_id: 'acct-of-the-client',
      rate_limit: {
        allowed: true,
        limit_reached: false,
        primary_window: { used_percent: 37, limit_window_seconds: 18_000, reset_at: 4_000_000_000 },
        secondary_window: { used_percent: 12, limit_window_seconds: 604_800 },
      },
      rate_limit_reached_type: null,
    });
    const polls = backend.received({ full: true }).filter(({ path }) => path === '/backend-api/wham/usage');
    expect(polls.map(({ headers }) => headers['chatgpt-account-id'])).toEqual(['acct-c1']);

    // Once it refuses, what is ours to say is said in the words and headers that codex understands.
    const resetAt = Math.floor(Date.now() / 1_000) + 7_200;
    backend.script({ rules: [{ answer: { status: 429, body: { error: { type: 'usage_limit_reached', resets_at: resetAt } } } }] });
    expect((await turn()).status).toBe(429);
    const own = await turn();
    expect([own.status, await own.json()]).toEqual([
      429,
      { error: expect.objectContaining({ type: 'usage_limit_reached', code: 'quota_exhausted' }) as object },
    ]);
    expect(own.headers.get('x-codex-primary-used-percent')).toBe('100');
    expect(Math.abs(Number(own.headers.get('x-codex-primary-reset-at')) - resetAt)).toBeLessThanOrEqual(1);
    expect(own.headers.get('x-codex-secondary-used-percent')).toBe('12');
    expect(await shown()).toMatchObject({ rate_limit: { limit_reached: true }, rate_limit_reached_type: { type: 'rate_limit_reached' } });
    await using client = await connectSocket(gateway.url, AUTH);
    client.create({ model: 'g', input: 'one' });
    expect(await client.next('error')).toMatchObject({ status: 429, headers: { 'x-codex-primary-used-percent': '100' } });
  });

  test('a key in a header of its own goes before the login beside it, which goes nowhere', async () => {
    await addLogin();
    const answer = await fetch(`${gateway.url}/v1/responses`, {
      method: 'POST',
      headers: { authorization: 'Bearer at-of-the-client-not-a-secret', 'x-switchyard-key': KEY, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'g', input: 'hello' }),
    });
    expect(answer.status).toBe(200);
    expect(JSON.stringify(backend.received({ full: true }))).not.toContain('at-of-the-client');
    expect(JSON.stringify(backend.received({ full: true }))).not.toContain(KEY);
  });

  test('turns come over a WebSocket below its path, too', async () => {
    await addLogin();
    await using client = await connectSocket(gateway.url, AUTH, '/backend-api/codex/responses');
    client.create({ model: 'g', input: 'one' });
    await client.next('response.completed');
    expect(received().at(-1)).toMatchObject({ path: '/backend-api/codex/responses', socket: 1 });
  });
});
