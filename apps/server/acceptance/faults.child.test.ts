import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { preparedHome } from '@switchyard/testkit/prepared-home';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startServer, startUpstream, until } from './harness.ts';
import type { Env, Server, Upstream } from './harness.ts';

// Failures made on purpose, by the settings `faults.*`, and what becomes of them.

const chat = { model: 'm', messages: [{ role: 'user', content: 'hello' }] };
const ON = { SWITCHYARD_FAULTS_ENABLED: 'true' };
const DAY_MS = 86_400_000;

let opened: AsyncDisposableStack;
let home: string;
beforeEach(async () => {
  opened = new AsyncDisposableStack();
  home = opened.use(await preparedHome()).path;
});
afterEach(() => opened.disposeAsync());

async function open(env: Env, accounts = 1): Promise<{ server: Server; upstreams: Upstream[] }> {
  const upstreams: Upstream[] = [];
  for (let i = 0; i < accounts; i++) upstreams.push(opened.use(await startUpstream()));
  const declared = upstreams.map(({ url }, i) => `[[accounts]]\nname = "a${i + 1}"\nkind = "openai-compatible"\nbase_url = "${url}/v1"\nmodels = ["m"]\n`);
  await writeFile(join(home, 'switchyard.toml'), declared.join('\n'), { mode: 0o600 });
  return { server: opened.use(await startServer(home, env)), upstreams };
}

async function attemptsOf(server: Server, answer: Response): Promise<{ account: string; failure: string | null; verdict: string }[]> {
  const id = answer.headers.get('x-switchyard-request-id');
  const found = await until(
    () => server.admin(`/api/decisions/${id}`),
    ({ status }) => status === 200,
  );
  return ((await found.json()) as { decision: { attempts: never } }).decision.attempts;
}

test('connections that fail are made up for by another account, and a warning says that they fail on purpose', async () => {
  const { server, upstreams } = await open({ ...ON, SWITCHYARD_FAULTS_UPSTREAM_CONNECT_ERRORS: '1' }, 2);
  for (let i = 0; i < 3; i++) {
    const answer = await server.ask('/v1/chat/completions', chat);
    expect(answer.status).toBe(200);
    const attempts = await attemptsOf(server, answer);
    expect(attempts.map(({ failure, verdict }) => [failure, verdict])).toEqual(
      i === 0
        ? [
            ['connect', 'next_account'],
            [null, 'relayed'],
          ]
        : [[null, 'relayed']],
    );
  }
  const received = await Promise.all(upstreams.map(async (upstream) => (await upstream.received()).filter(({ path }) => path.endsWith('/completions')).length));
  expect(received[0]! + received[1]!).toBe(3);
  const warnings = server
    .stderr()
    .split('\n')
    .filter((line) => line.includes('faults_enabled'));
  expect(warnings).toHaveLength(1);
  expect(JSON.parse(warnings[0]!)).toMatchObject({ level: 'warn', names: ['faults.upstream_connect_errors'] });
});

test('a stream that breaks off after its first word is broken off for the client, without an ending of ours', async () => {
  const { server } = await open({ ...ON, SWITCHYARD_FAULTS_STREAM_READ_ERRORS: '1' }, 2);
  const broken = await server.ask('/v1/chat/completions', { ...chat, stream: true });
  expect(broken.status).toBe(200);
  await expect(broken.text()).rejects.toThrow();
  const whole = await server.ask('/v1/chat/completions', { ...chat, stream: true });
  expect(await whole.text()).toContain('data: [DONE]');
});

test('writes that fail are tried again, and nothing that a client has seen is lost', async () => {
  const { server } = await open({ ...ON, SWITCHYARD_FAULTS_STATE_SAVE_ERRORS: '2' }, 2);
  const first = await server.ask('/v1/responses', { model: 'm', input: 'hello' });
  const { id } = (await first.json()) as { id: string };
  await attemptsOf(server, first);
  expect(server.stderr()).toContain('journal_retried');
  await server.end('SIGKILL');
  const again = opened.use(await startServer(home, {}));
  const next = await again.ask('/v1/responses', { model: 'm', input: 'more', previous_response_id: id });
  expect([next.status, next.headers.get('x-switchyard-account')]).toEqual([200, first.headers.get('x-switchyard-account')]);
});

test('a migration that fails ends the start with a sentence, keeps nothing, and passes the next time', async () => {
  await expect(startServer(home, { ...ON, SWITCHYARD_FAULTS_MIGRATION_ERRORS: '1' })).rejects.toThrow(/Nothing of it was kept; mend the cause and start again/);
  const { server } = await open({});
  expect((await server.ask('/v1/chat/completions', chat)).status).toBe(200);
});

test('a server that starts with its clock a day or ten minutes off finds its conversations and its keys (C10)', { timeout: 90_000 }, async () => {
  const { server } = await open({}, 2);
  let from = await server.ask('/v1/responses', { model: 'm', input: 'hello' });
  const owner = from.headers.get('x-switchyard-account');
  let { id } = (await from.json()) as { id: string };
  await server.end();
  for (const offset of [DAY_MS, -DAY_MS, 600_000, -600_000]) {
    const off = await startServer(home, { ...ON, SWITCHYARD_FAULTS_CLOCK_OFFSET_MS: String(offset) });
    opened.use(off);
    from = await off.ask('/v1/responses', { model: 'm', input: 'more', previous_response_id: id });
    expect([offset, from.status, from.headers.get('x-switchyard-account')]).toEqual([offset, 200, owner]);
    ({ id } = (await from.json()) as { id: string });
    const [attempt] = await attemptsOf(off, from);
    expect(attempt).toMatchObject({ account: owner, verdict: 'relayed' });
    await off.end();
  }
});

test('without faults.enabled the other settings make nothing fail', async () => {
  const { server } = await open({ SWITCHYARD_FAULTS_UPSTREAM_CONNECT_ERRORS: '5', SWITCHYARD_FAULTS_STATE_SAVE_ERRORS: '5' });
  const answer = await server.ask('/v1/chat/completions', chat);
  expect([answer.status, (await attemptsOf(server, answer)).length]).toEqual([200, 1]);
  expect(server.stderr()).not.toMatch(/faults_enabled|journal_retried/);
});
