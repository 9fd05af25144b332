import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { unsignedJwt } from '@switchyard/simulator';
import { runCodex, writeLogin } from '@switchyard/simulator/codex-exec';
import type { CodexResult, CodexRun } from '@switchyard/simulator/codex-exec';
import { preparedHome } from '@switchyard/testkit/prepared-home';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { fetchCodex, findCodex } from '../../../tools/fetch-codex.mjs';
import { KEY, addAccount, cli, startServer, startTogether, startUpstream } from './harness.ts';
import type { Server, Upstream } from './harness.ts';

const bin = process.env['CI'] === undefined ? findCodex() : await fetchCodex();
// CODEX_HOME under the system's temporary folder makes codex complain on stderr (codex-protocol 7.2).
const scratch = fileURLToPath(new URL('../../../.cache/', import.meta.url));
const PATIENCE_MS = 120_000;

describe.skipIf(bin === undefined)('the real codex with a ChatGPT login, through the gateway (without it: node tools/fetch-codex.mjs)', () => {
  const opened = new AsyncDisposableStack();
  let server: Server;
  let chatgpt: Upstream;
  let plain: Upstream;
  let home: string;
  let renewed: Upstream;

  beforeAll(async () => {
    await mkdir(scratch, { recursive: true });
    const state = opened.use(await preparedHome());
    [chatgpt, plain, renewed, server] = await startTogether(opened, startUpstream(), startUpstream(), startUpstream(), startServer(state.path));
    const codexHome = join(state.path, 'login');
    await mkdir(codexHome, { mode: 0o700 });
    const tokens = { accessToken: unsignedJwt({ exp: 4_000_000_000 }), refreshToken: 'rt-test-not-a-secret', accountId: 'acct-upstream' };
    await writeLogin(join(codexHome, 'auth.json'), tokens);
    const at = ['--base-url', `${chatgpt.url}/backend-api/codex`, '--token-url', `${chatgpt.url}/oauth/token`];
    const added = await cli(server.home, ['accounts', 'add', '--name', 'c1', '--kind', 'chatgpt', '--codex-home', codexHome, ...at]);
    expect(added.stdout).toContain('gpt-5.5');
    expect((await cli(server.home, ['accounts', 'test', 'c1'])).stdout).toContain('gpt-5.5');
    await addAccount(server, plain, 'a1', ['gpt-plain']);
  }, PATIENCE_MS);
  afterAll(() => opened.disposeAsync(), PATIENCE_MS);
  beforeEach(async () => {
    for (const upstream of [chatgpt, plain, renewed]) await upstream.reset();
    home = await mkdtemp(join(scratch, 'codex-acceptance-'));
  });
  afterEach(() => rm(home, { recursive: true, force: true }));

  /** A codex whose access token is a key of ours, and that asks us for everything. */
  const exec = (prompt: string, more: Partial<CodexRun> = {}): Promise<CodexResult> =>
    runCodex({
      bin: bin!,
      home,
      baseUrl: `${server.url}/v1`,
      key: 'unused',
      prompt,
      login: {
        accessToken: KEY,
        refreshToken: 'rt-of-nobody-not-a-secret',
        accountId: 'acct-client',
        backendUrl: `${server.url}/backend-api`,
        tokenUrl: `${renewed.url}/oauth/token`,
      },
      ...more,
    });

  test(
    'takes turns at a ChatGPT account, compressed as they were, with the credential of that account; its questions are answered here',
    async () => {
      const first = await exec('remember the word heron');
      expect([first.code, first.messages, first.stderr.includes('ERROR')]).toEqual([0, ['You said: remember the word heron'], false]);
      const second = await exec('what was it', { resume: first.threadId });
      expect([second.code, second.messages]).toEqual([0, ['You said: what was it']]);

      const received = (await chatgpt.received()).filter(({ path }) => path === '/backend-api/codex/responses');
      expect(received).toHaveLength(2);
      for (const { headers } of received)
        expect(headers).toMatchObject({ 'content-encoding': 'zstd', 'chatgpt-account-id': 'acct-upstream', 'thread-id': first.threadId });
      expect(JSON.stringify(received[1]?.body)).toContain('remember the word heron');
      expect(JSON.stringify(received)).not.toContain(KEY);
      expect((await chatgpt.received()).filter(({ path }) => path.startsWith('/backend-api/wham/') && !path.endsWith('/usage'))).toEqual([]);
      expect((await renewed.counters()).received).toBe(0);
    },
    PATIENCE_MS,
  );

  test(
    'takes turns over a WebSocket to a ChatGPT account, with the credential of that account',
    async () => {
      const first = await exec('remember the word heron', { websockets: true });
      expect([first.code, first.messages]).toEqual([0, ['You said: remember the word heron']]);
      const turns = (await chatgpt.received()).filter(({ path }) => path === '/backend-api/codex/responses');
      expect(turns.map(({ socket, status }) => [socket, status])).toEqual([
        [1, 200],
        [1, 200],
      ]);
      for (const { headers } of turns) expect(headers['chatgpt-account-id']).toBe('acct-upstream');
      expect(JSON.stringify(turns)).not.toContain(KEY);
    },
    PATIENCE_MS,
  );

  test(
    'an account that is none of ChatGPT gets the body uncompressed',
    async () => {
      const result = await exec('hello', { model: 'gpt-plain' });
      expect([result.code, result.messages]).toEqual([0, ['You said: hello']]);
      const [{ headers, body }] = (await plain.received()) as unknown as [{ headers: Record<string, string>; body: { model: string } }];
      expect(headers['content-encoding']).toBeUndefined();
      expect(headers['chatgpt-account-id']).toBeUndefined();
      expect(body.model).toBe('gpt-plain');
    },
    PATIENCE_MS,
  );

  test(
    'a key that is not one ends the turn, and reaches no account',
    async () => {
      const login = { accessToken: 'sk-test-wrong-not-a-secret', refreshToken: 'rt-x-not-a-secret', accountId: 'acct-client' };
      const result = await exec('hello', { login: { ...login, backendUrl: `${server.url}/backend-api`, tokenUrl: `${renewed.url}/oauth/token` } });
      expect(result.code).toBe(1);
      expect((await chatgpt.counters()).received).toBe(0);
    },
    PATIENCE_MS,
  );

  test(
    'a login of its own goes beside the key in a header, and comes no further than us',
    async () => {
      const token = unsignedJwt({ exp: 4_000_000_000, marker: 'of-the-client' });
      const result = await exec('hello', {
        login: {
          accessToken: token,
          refreshToken: 'rt-y-not-a-secret',
          accountId: 'acct-client',
          backendUrl: `${renewed.url}/backend-api`,
          tokenUrl: `${renewed.url}/oauth/token`,
        },
        env: { GATEWAY_KEY: KEY },
        provider: ['env_http_headers = { x-switchyard-key = "GATEWAY_KEY" }'],
      });
      expect([result.code, result.messages]).toEqual([0, ['You said: hello']]);
      const full = (await (await fetch(`${chatgpt.url}/_control/received?full=1`)).json()) as object;
      expect(JSON.stringify(full)).not.toContain(token);
      expect((await renewed.received()).map(({ path }) => path)).toContain('/backend-api/wham/accounts/check');
    },
    PATIENCE_MS,
  );

  test(
    'a usage limit reads the same whether its account tells it or we do, and without asking again',
    async () => {
      const limit = { type: 'usage_limit_reached', message: 'limit', resets_at: Math.floor(Date.now() / 1_000) + 7_200 };
      await chatgpt.script({ rules: [{ match: { path: '/backend-api/codex/responses' }, answer: { status: 429, body: { error: limit } } }] });
      const told = await exec('hello', { retries: 3 });
      const ours = await exec('hello', { retries: 3 });
      expect([told.code, ours.code]).toEqual([1, 1]);
      expect(JSON.stringify(told.events.at(-1))).toContain('usage limit');
      expect(ours.events.at(-1)).toEqual(told.events.at(-1));
      expect((await chatgpt.received()).filter(({ path }) => path === '/backend-api/codex/responses')).toHaveLength(1);
    },
    PATIENCE_MS,
  );
});
