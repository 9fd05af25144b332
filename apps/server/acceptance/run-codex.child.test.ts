import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { unsignedJwt } from '@switchyard/simulator';
import { writeLogin } from '@switchyard/simulator/codex-exec';
import { preparedHome } from '@switchyard/testkit/prepared-home';
import type { TemporaryHome } from '@switchyard/testkit/temporary-home';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fetchCodex, findCodex } from '../../../tools/fetch-codex.mjs';
import { cli, startServer, startUpstream, until } from './harness.ts';

const bin = process.env['CI'] === undefined ? findCodex() : await fetchCodex();
const MAIN = fileURLToPath(new URL('../../cli/src/main.ts', import.meta.url));
// CODEX_HOME under the system's temporary folder makes codex complain on stderr (codex-protocol 7.2).
const scratch = fileURLToPath(new URL('../../../.cache/', import.meta.url));
const PATIENCE_MS = 120_000;

/** A configuration of the user's own, which holds while its provider does not. */
const CONFIG = `model = "sandbox"
model_provider = "elsewhere"
approval_policy = "never"
web_search = "disabled"
check_for_update_on_startup = false
[model_providers.elsewhere]
name = "Elsewhere"
base_url = "http://127.0.0.1:9/v1"
wire_api = "responses"
[analytics]
enabled = false
[features]
plugins = false
unbounded_connection_retries = false
`;
const TOKEN = unsignedJwt({ exp: 4_000_000_000 });
const AUTH = '{"auth_mode":"apikey","OPENAI_API_KEY":"sk-test-own-not-a-secret"}';

let root: string;
let state: TemporaryHome;
let home: string;
let codexHome: string;

beforeEach(async () => {
  await mkdir(scratch, { recursive: true });
  root = await mkdtemp(join(scratch, 'run-codex-'));
  state = await preparedHome();
  home = state.path;
  codexHome = join(root, 'codex');
  await mkdir(codexHome);
  await writeFile(join(codexHome, 'config.toml'), CONFIG);
  await writeFile(join(codexHome, 'auth.json'), AUTH, { mode: 0o600 });
});
afterEach(() => rm(root, { recursive: true, force: true, maxRetries: 5 }));
afterEach(() => state[Symbol.asyncDispose]());

/** Whether a server of the home lives. */
async function isRunning(): Promise<boolean> {
  const file = await readFile(join(home, 'run', 'server.json'), 'utf8').catch(() => null);
  if (file === null) return false;
  const { pid } = JSON.parse(file) as { pid: number };
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
const ended = (): Promise<boolean> => until(isRunning, (running) => !running);

/** A codex that says what it was given and ends as it is told. */
async function standIn(script: string): Promise<Record<string, string>> {
  const folder = join(root, 'bin');
  await mkdir(folder);
  await writeFile(join(folder, 'codex'), `#!/bin/sh\n${script}\n`);
  await chmod(join(folder, 'codex'), 0o755);
  return { PATH: `${folder}:${process.env['PATH']}` };
}

test(
  'codex gets its own arguments, a provider and a key, and its exit code is the answer; a server is started for it and ends with it',
  async () => {
    const env = await standIn('for each in "$@"; do echo "[$each]"; done; echo "key $SWITCHYARD_RUN_KEY"; exit 7');
    const first = await cli(home, ['run', 'codex', 'exec', '--json', '--', 'two words', '--help'], env);
    expect(first.code).toBe(7);
    expect(first.stderr).toContain('starting one for this codex');
    const [, provider, , table, ...own] = first.stdout.split('\n').slice(0, -2);
    expect([provider, own]).toEqual(['[model_provider="switchyard"]', ['[exec]', '[--json]', '[--]', '[two words]', '[--help]']]);
    expect(table).toMatch(/base_url="http:\/\/127\.0\.0\.1:\d+\/v1", env_key="SWITCHYARD_RUN_KEY", wire_api="responses", supports_websockets=true/);
    const key = /key (sk-switchyard-\w+)/.exec(first.stdout)?.[1];
    expect(key).toBeDefined();
    expect(first.stdout.replace(`key ${key}`, '')).not.toContain(key);
    await ended();

    // The key stays the same, so that conversations do.
    const second = await cli(home, ['run', 'codex'], env);
    expect(second.stdout).toContain(`key ${key}`);
    await ended();
    for (const name of await readdir(join(home, 'run'))) expect(name).not.toBe('server.json');
  },
  PATIENCE_MS,
);

test(
  'one that stays signed in with ChatGPT gets the key in a header of its own, and nothing else is other',
  async () => {
    const env = await standIn('for each in "$@"; do echo "[$each]"; done; echo "key $SWITCHYARD_RUN_KEY"');
    const told = await cli(home, ['run', 'codex', '--chatgpt', '-m', 'gpt', '--chatgpt'], env);
    expect(told.code).toBe(0);
    const [, provider, , table, ...own] = told.stdout.split('\n').slice(0, -2);
    // Behind the first of codex's own arguments everything is codex's.
    expect([provider, own]).toEqual(['[model_provider="switchyard"]', ['[-m]', '[gpt]', '[--chatgpt]']]);
    expect(table).toMatch(
      /name="OpenAI", base_url="http:\/\/127\.0\.0\.1:\d+\/v1", requires_openai_auth=true, env_http_headers=\{x-switchyard-key="SWITCHYARD_RUN_KEY"\}/,
    );
    expect(told.stdout).toMatch(/key sk-switchyard-\w+/);
    await ended();
    const { stdout } = await cli(home, ['run', '--help']);
    expect(stdout).toContain('switchyard run codex --chatgpt [arguments...]');
  },
  PATIENCE_MS,
);

test(
  'a running server is joined and stays; of its keys one is made for codex',
  async () => {
    const env = await standIn('curl -s -H "Authorization: Bearer $SWITCHYARD_RUN_KEY" "$(echo "$4" | sed \'s/.*base_url="\\([^"]*\\)".*/\\1/\')/models"');
    await using server = await startServer(home);
    const told = await cli(home, ['run', 'codex'], env);
    expect([told.code, told.stderr]).toEqual([0, '']);
    expect(JSON.parse(told.stdout)).toMatchObject({ data: [{ id: 'sandbox' }] });
    expect((await server.ask('/v1/models')).status).toBe(200);
    const { data } = (await (await server.admin('/api/keys')).json()) as { data: { id: string; name: string }[] };
    expect(data.map(({ name }) => name)).toEqual(['first', 'codex-cli']);

    // One that was revoked is made anew.
    await server.admin(`/api/keys/${data[1]!.id}`, { method: 'DELETE' });
    expect(JSON.parse((await cli(home, ['run', 'codex'], env)).stdout)).toMatchObject({ data: [{ id: 'sandbox' }] });
  },
  PATIENCE_MS,
);

test(
  'several at once at a server that has no key for codex yet all get one that holds',
  async () => {
    const env = await standIn('echo "key $SWITCHYARD_RUN_KEY"');
    await using server = await startServer(home);
    const runs = await Promise.all([1, 2, 3].map(() => cli(home, ['run', 'codex'], env)));
    expect(runs.map(({ code, stderr }) => [code, stderr])).toEqual(runs.map(() => [0, '']));
    for (const { stdout } of runs) {
      const authorization = `Bearer ${/key (\S+)/.exec(stdout)![1]}`;
      expect((await fetch(`${server.url}/v1/models`, { headers: { authorization } })).status).toBe(200);
    }
  },
  PATIENCE_MS,
);

test(
  'two at once share the server that the first one started, which ends with the second',
  async () => {
    const env = await standIn('echo running; read line; echo done');
    const run = () => {
      const child = spawn(process.execPath, [MAIN, 'run', 'codex'], { env: { HOME: root, SWITCHYARD_HOME: home, ...env }, stdio: ['pipe', 'pipe', 'inherit'] });
      return { child, over: once(child, 'exit'), running: once(child.stdout, 'data') };
    };
    const first = run();
    await first.running;
    const { pid } = JSON.parse(await readFile(join(home, 'run', 'server.json'), 'utf8')) as { pid: number };
    const second = run();
    await second.running;
    first.child.stdin.end('\n');
    expect(await first.over).toEqual([0, null]);
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    expect(JSON.parse(await readFile(join(home, 'run', 'server.json'), 'utf8'))).toMatchObject({ pid });
    second.child.kill('SIGKILL');
    await second.over;
    second.child.stdin.destroy();
    await ended();
  },
  PATIENCE_MS,
);

test(
  'a signal goes on to codex, and what it does then is the answer',
  async () => {
    const signals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;
    const traps = signals.map((signal, i) => `trap 'echo got; exit ${42 + i}' ${signal.slice(3)}`);
    const env = await standIn(`${traps.join('; ')}; echo running; while :; do sleep 0.05; done`);
    for (const [i, signal] of signals.entries()) {
      const child = spawn(process.execPath, [MAIN, 'run', 'codex'], {
        env: { HOME: root, SWITCHYARD_HOME: home, ...env },
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const over = once(child, 'exit');
      await once(child.stdout, 'data');
      child.kill(signal);
      expect([signal, await over]).toEqual([signal, [42 + i, null]]);
    }
    await ended();
  },
  PATIENCE_MS,
);

test('without a codex it says where to get one, and starts nothing', async () => {
  const none = await cli(home, ['run', 'codex'], { PATH: join(root, 'nowhere') });
  expect([none.code, none.stderr]).toEqual([1, expect.stringContaining('There is no codex on PATH') as string]);
  expect(await isRunning()).toBe(false);
});

describe.skipIf(bin === undefined)('the real codex (without it: node tools/fetch-codex.mjs)', () => {
  test(
    'runs over the gateway with a configuration that says otherwise, and leaves it as it was',
    async () => {
      const env = { PROXY_CODEX_BIN: bin!, CODEX_HOME: codexHome, HOME: root };
      const told = await cli(home, ['run', 'codex', 'exec', '--json', '--skip-git-repo-check', '--cd', root, 'say hello'], env);
      expect([told.code, told.stderr]).toEqual([0, expect.not.stringContaining('error') as string]);
      expect(told.stdout).toContain('Switchyard sandbox');
      expect(await readFile(join(codexHome, 'config.toml'), 'utf8')).toBe(CONFIG);
      expect(await readFile(join(codexHome, 'auth.json'), 'utf8')).toBe(AUTH);
      await ended();
    },
    PATIENCE_MS,
  );

  test(
    'signed in with ChatGPT it asks its own backend for its account, and the gateway for its turns',
    async () => {
      await using chatgpt = await startUpstream();
      await chatgpt.script({ logins: { own: { accountId: 'acct-own', accessToken: TOKEN, refreshToken: 'rt-own-not-a-secret' } } });
      const config = `chatgpt_base_url = "${chatgpt.url}/backend-api"\n${CONFIG}`;
      await writeFile(join(codexHome, 'config.toml'), config);
      await rm(join(codexHome, 'auth.json'));
      await writeLogin(join(codexHome, 'auth.json'), { accessToken: TOKEN, refreshToken: 'rt-own-not-a-secret', accountId: 'acct-own' });
      const login = await readFile(join(codexHome, 'auth.json'), 'utf8');
      const env = { PROXY_CODEX_BIN: bin!, CODEX_HOME: codexHome, HOME: root, CODEX_REFRESH_TOKEN_URL_OVERRIDE: `${chatgpt.url}/oauth/token` };
      const told = await cli(home, ['run', 'codex', '--chatgpt', 'exec', '--json', '--skip-git-repo-check', '--cd', root, 'say hello'], env);
      expect([told.code, told.stdout]).toEqual([0, expect.stringContaining('Switchyard sandbox') as string]);
      const paths = (await chatgpt.received()).map(({ path }) => path);
      expect(paths).toContain('/backend-api/wham/accounts/check');
      expect(paths.filter((path) => path.endsWith('/responses'))).toEqual([]);
      expect(await readFile(join(codexHome, 'config.toml'), 'utf8')).toBe(config);
      expect(await readFile(join(codexHome, 'auth.json'), 'utf8')).toBe(login);
      await ended();
    },
    PATIENCE_MS,
  );
});
