import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { preparedHome } from '@switchyard/testkit/prepared-home';
import { temporaryHome } from '@switchyard/testkit/temporary-home';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { cli, startServer, startTogether, startUpstream, until } from './harness.ts';
import type { Env, ReceivedRequest, Server, Upstream } from './harness.ts';

// Servers on one database that share ChatGPT logins, against an issuer whose refresh tokens are good once (fault rows C09 and C21).

const PATIENCE_MS = 180_000;
const SERVERS = 8;
const ENCRYPTION = { ENCRYPTION_KEY: 'test-encryption-key-not-a-secret-0123456789' };

const opened = new AsyncDisposableStack();
let upstream: Upstream;
let keeper: Server;
let database: string;
let login: string;
let logins = 0;

beforeAll(async () => {
  // It brings the database, so that the others can be killed.
  const host = opened.use(await preparedHome()).path;
  [upstream, keeper] = await startTogether(opened, startUpstream(), startServer(host, ENCRYPTION));
  database = `postgresql:///switchyard?host=${join(host, 'socket')}&user=switchyard`;
}, PATIENCE_MS);
afterAll(() => opened.disposeAsync(), PATIENCE_MS);
beforeEach(async () => {
  await upstream.reset();
  login = `c${++logins}`;
});
afterEach(removeLogin);

async function removeLogin(): Promise<void> {
  await cli(keeper.home, ['accounts', 'remove', login]);
}

/** A server of its own home on the shared database. */
async function another(stack: AsyncDisposableStack, env: Env = {}): Promise<Server> {
  const home = stack.use(await temporaryHome()).path;
  return stack.use(await startServer(home, { ...ENCRYPTION, DATABASE_URL: database, ...env }));
}

/** Makes a login known to the issuer, and an account of a Codex home that holds it since a while ago. @returns the Codex home */
async function addLogin(stack: AsyncDisposableStack, accessToken = `at-${login}-not-a-secret`, sinceMs = 0): Promise<string> {
  const tokens = { accessToken, refreshToken: `rt-${login}-not-a-secret`, accountId: `acct-${login}` };
  await upstream.script({ logins: { [login]: tokens } });
  const home = join(stack.use(await temporaryHome()).path, 'codex');
  await signIn(home, tokens.accessToken, tokens.refreshToken, new Date(Date.now() - sinceMs).toISOString());
  const at = ['--base-url', `${upstream.url}/backend-api/codex`, '--token-url', `${upstream.url}/oauth/token`];
  const added = await cli(keeper.home, [
    'accounts',
    'add',
    '--name',
    login,
    '--kind',
    'chatgpt',
    '--codex-home',
    home,
    '--models',
    'm',
    '--max-in-flight',
    '1000',
    '--soft-in-flight',
    '1000',
    ...at,
  ]);
  expect(added).toMatchObject({ code: 0, stdout: expect.stringContaining('The next request can use it.') as string });
  expect(added.stdout + added.stderr).not.toContain('not-a-secret');
  return home;
}

/** What `codex login` leaves behind. */
async function signIn(home: string, access: string, refresh: string, at: string): Promise<void> {
  await mkdir(home, { recursive: true, mode: 0o700 });
  const tokens = { access_token: access, refresh_token: refresh, id_token: null, account_id: `acct-${login}` };
  await writeFile(join(home, 'auth.json'), JSON.stringify({ auth_mode: 'chatgpt', tokens, last_refresh: at }), { mode: 0o600 });
}

const HOUR_S = 3_600;

/** A token that was given out so many seconds ago and is good for so many more. */
function tokenOf(ageS: number, leftS: number): string {
  const nowS = Math.floor(Date.now() / 1_000);
  return `e30.${Buffer.from(JSON.stringify({ iat: nowS - ageS, exp: nowS + leftS })).toString('base64url')}.not-a-secret`;
}

const turn = async (server: Server): Promise<number> => {
  const answer = await server.ask('/v1/responses', { model: 'm', input: 'hello', store: false });
  await answer.text();
  return answer.status;
};
const expire = async (): Promise<void> => {
  await fetch(`${upstream.url}/_control/expire`, { method: 'POST', body: JSON.stringify({ login }), headers: { 'content-type': 'application/json' } });
};
const renewals = async (): Promise<readonly ReceivedRequest[]> => (await upstream.received()).filter(({ path }) => path === '/oauth/token');
const stateOf = async (server: Server): Promise<string | undefined> => {
  const { data } = (await (await server.admin('/api/accounts')).json()) as { data: { name: string; state: string }[] };
  return data.find(({ name }) => name === login)?.state;
};

test(
  '8 servers whose 64 requests each meet a token that has ended renew it once, and all go on with what that brought',
  async () => {
    await using stack = new AsyncDisposableStack();
    await addLogin(stack);
    const servers = await Promise.all(Array.from({ length: SERVERS }, () => another(stack)));
    expect(await Promise.all(servers.map(turn))).toEqual(servers.map(() => 200));
    await expire();
    const asked = servers.flatMap((server) => Array.from({ length: 64 }, () => turn(server)));
    expect(new Set(await Promise.all(asked))).toEqual(new Set([200]));
    expect((await renewals()).map(({ status, body }) => [status, (body as { refresh_reason: string }).refresh_reason])).toEqual([
      [200, 'unauthorized_recovery'],
    ]);

    // A token that ends within five minutes is seen to by all of them at once.
    await removeLogin();
    await upstream.reset();
    login = `c${++logins}`;
    await addLogin(stack, tokenOf(HOUR_S, 290), HOUR_S * 1_000);
    await until(renewals, (found) => found.length > 0);
    expect(await Promise.all(servers.map(turn))).toEqual(servers.map(() => 200));
    expect((await renewals()).map(({ status, body }) => [status, (body as { refresh_reason: string }).refresh_reason])).toEqual([[200, 'proactive_expiry']]);
  },
  PATIENCE_MS,
);

test(
  'a server that is killed while it renews a login is stood in for by another within five seconds',
  async () => {
    await using stack = new AsyncDisposableStack();
    await addLogin(stack);
    const [dies, lives] = [await another(stack), await another(stack)];
    expect([await turn(dies), await turn(lives)]).toEqual([200, 200]);
    await expire();
    await upstream.script({ rules: [{ match: { path: '/oauth/token' }, answer: { status: 503, body: {}, hold: { at: 'before_head' } } }] });
    const lost = turn(dies).catch(() => 'broken off');
    await until(renewals, (found) => found.length === 1);
    const saved = turn(lives);
    await dies.end('SIGKILL');
    const killedMs = performance.now();
    expect(await saved).toBe(200);
    expect(performance.now() - killedMs).toBeLessThan(5_000);
    expect(await lost).toBe('broken off');
    expect((await renewals()).map(({ status }) => status)).toEqual([503, 200]);
  },
  PATIENCE_MS,
);

test(
  'a renewal that fails on purpose is told, spends nothing, and is made up for by the next',
  async () => {
    await using stack = new AsyncDisposableStack();
    await addLogin(stack);
    const server = await another(stack, { SWITCHYARD_FAULTS_ENABLED: 'true', SWITCHYARD_FAULTS_REFRESH_ERRORS: '1' });
    expect(await turn(server)).toBe(200);
    await expire();
    expect(await turn(server)).toBe(401);
    expect([(await renewals()).length, server.stderr()]).toEqual([0, expect.stringContaining('made on purpose')]);
    await until(
      () => turn(server),
      (status) => status === 200,
    );
    expect((await renewals()).map(({ status }) => status)).toEqual([200]);
  },
  PATIENCE_MS,
);

test(
  'a login that is refused for good is left out and named, and one that somebody signs in to again is taken from its Codex home',
  async () => {
    await using stack = new AsyncDisposableStack();
    const home = await addLogin(stack);
    await upstream.script({ rules: [{ match: { path: '/oauth/token' }, answer: { status: 401, body: { error: { code: 'refresh_token_reused' } } } }] });
    await expire();
    expect(await turn(keeper)).toBe(401);
    expect(await stateOf(keeper)).toBe('needs_login');
    const listed = await cli(keeper.home, ['accounts', 'list']);
    expect(listed.stdout).toContain('needs login');
    const refused = await keeper.ask('/v1/responses', { model: 'm', input: 'hello' });
    expect([refused.status, await refused.json()]).toEqual([503, { error: expect.objectContaining({ code: 'no_account_available' }) as object }]);
    expect(keeper.stderr()).toContain('"event":"login_ended"');

    await upstream.script({
      logins: { [login]: { accountId: `acct-${login}`, refreshToken: 'rt-second-not-a-secret', accessToken: 'at-second-not-a-secret' } },
    });
    await signIn(home, 'at-second-not-a-secret', 'rt-second-not-a-secret', new Date().toISOString());
    await until(
      () => stateOf(keeper),
      (state) => state === 'ready',
    );
    expect(await turn(keeper)).toBe(200);
    expect(keeper.stderr()).not.toMatch(/(?:at|rt)-\w+-not-a-secret/);
  },
  PATIENCE_MS,
);
