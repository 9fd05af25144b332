import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runCodex } from '@switchyard/simulator/codex-exec';
import type { CodexResult, CodexRun } from '@switchyard/simulator/codex-exec';
import { preparedHome } from '@switchyard/testkit/prepared-home';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { fetchCodex, findCodex } from '../../../tools/fetch-codex.mjs';
import { KEY, addAccount, startServer, startTogether, startUpstream, until } from './harness.ts';
import type { Server, Upstream } from './harness.ts';

// The program that people will point at the gateway. Where CI is set it is fetched, and its absence fails this file.
const bin = process.env['CI'] === undefined ? findCodex() : await fetchCodex();
// CODEX_HOME under the system's temporary folder makes codex complain on stderr (codex-protocol 7.2).
const scratch = fileURLToPath(new URL('../../../.cache/', import.meta.url));

describe.skipIf(bin === undefined)('the real codex exec, through the gateway (without it: node tools/fetch-codex.mjs)', () => {
  const opened = new AsyncDisposableStack();
  let server: Server;
  let upstream: Upstream;
  let home: string;

  beforeAll(async () => {
    const state = opened.use(await preparedHome());
    [upstream, server] = await startTogether(opened, startUpstream(), startServer(state.path));
    await addAccount(server, upstream);
  }, 120_000);
  afterAll(() => opened.disposeAsync(), 60_000);
  beforeEach(async () => {
    await upstream.reset();
    await mkdir(scratch, { recursive: true });
    home = await mkdtemp(join(scratch, 'codex-acceptance-'));
  });
  afterEach(() => rm(home, { recursive: true, force: true }));

  const exec = (prompt: string, more: Partial<CodexRun> = {}): Promise<CodexResult> =>
    runCodex({ bin: bin!, home, baseUrl: `${server.url}/v1`, key: KEY, prompt, ...more });

  test('holds three turns on one thread, one of them with a shell command', async () => {
    const first = await exec('remember the word heron');
    expect([first.code, first.messages]).toEqual([0, ['You said: remember the word heron']]);

    await upstream.script({
      rules: [
        {
          answer: { headers: { 'x-codex-turn-state': 'turn-of-two' }, say: { calls: [{ name: 'exec_command', arguments: { cmd: 'echo hi' } }] } },
        },
        { answer: { say: { text: 'The command said hi.' } } },
      ],
    });
    const second = await exec('run it', { resume: first.threadId });
    expect([second.code, second.messages]).toEqual([0, ['The command said hi.']]);
    expect(second.commands).toMatchObject([{ output: 'hi\n', exitCode: 0 }]);

    const third = await exec('what was the word', { resume: first.threadId });
    expect([third.code, third.threadId, third.messages]).toEqual([0, first.threadId, ['You said: what was the word']]);

    const received = await upstream.received();
    expect(received.map(({ path, status, outcome }) => `${path} ${status} ${outcome}`)).toEqual(Array.from({ length: 4 }, () => '/v1/responses 200 completed'));
    for (const { headers } of received)
      expect(headers).toMatchObject({ 'thread-id': first.threadId, originator: 'codex_exec', 'user-agent': expect.stringMatching(/^codex_exec\//) });
    // The state of a turn goes down with its first answer and comes back with the rest of that turn, and with no other.
    expect(received.map(({ headers }) => headers['x-codex-turn-state'])).toEqual([undefined, undefined, 'turn-of-two', undefined]);
    const transcript = JSON.stringify(received.at(-1)?.body);
    for (const part of ['remember the word heron', 'Output:\\nhi\\n', 'The command said hi.']) expect(transcript).toContain(part);
    expect(JSON.stringify(received)).not.toContain(KEY);

    const rows = await until(
      () => newestRequests(4),
      (found) => found.every(({ outcome }) => outcome !== 'open'),
    );
    expect(rows).toEqual(
      Array.from({ length: 4 }, () => expect.objectContaining({ surface: 'responses.create', outcome: 'completed', stream: true, attempts: 1 })),
    );
    for (const row of rows) expect(row['input_tokens']).toBeGreaterThan(0);
  }, 120_000);

  test('a usage limit ends the turn at once, in the words that codex has for it without us', async () => {
    const resetAt = Math.ceil(Date.now() / 1_000) + 7_200;
    const error = { type: 'usage_limit_reached', message: 'The usage limit has been reached', plan_type: 'plus', resets_at: resetAt };
    const quota = { primary: { usedPercent: 100, windowMinutes: 300, resetAt } };
    await upstream.script({ rules: [{ times: 'always', answer: { preset: 'usage_limit_reached', quota, body: { error } } }] });
    const through = await exec('anything', { retries: 3 });
    expect((await upstream.counters()).received).toBe(1);
    const direct = await exec('anything', { retries: 3, baseUrl: `${upstream.url}/v1` });
    expect(through.code).toBe(1);
    expect(JSON.stringify(through.events.at(-1))).toContain('usage limit');
    expect(through.events.at(-1)).toEqual(direct.events.at(-1));
    // Until then the account is not asked again, unless somebody knows better; the other tests need it.
    const state = async (): Promise<string | undefined> =>
      ((await (await server.admin('/api/accounts')).json()) as { data: { name: string; state: string }[] }).data.find(({ name }) => name === 'a1')?.state;
    expect(await state()).toBe('quota_blocked');
    expect((await server.admin('/api/quota/a1/lift', { method: 'POST' })).status).toBe(200);
    expect(await state()).toBe('ready');
  }, 90_000);

  test('an upstream that breaks off is a broken stream to codex, which tries again and succeeds', async () => {
    await upstream.script({ rules: [{ answer: { preset: 'eof' } }, { answer: { preset: 'reset' } }] });
    const result = await exec('again', { retries: 5 });
    expect([result.code, result.messages.at(-1)]).toEqual([0, 'You said: again']);
    expect((await upstream.received()).map(({ outcome }) => outcome)).toEqual(['completed', 'cut', 'completed']);
  }, 60_000);

  test('killing it in the middle of an answer aborts the upstream and gives the slot back', async () => {
    await upstream.script({ rules: [{ answer: { hold: { at: 4 } } }] });
    const leaving = new AbortController();
    const answered = 'switchyard_upstream_attempts_total{class="2xx"}';
    const before = (await server.metric(answered)) || 0; // no series before the first answer
    const running = exec('wait for it', { signal: leaving.signal });
    // Not merely asked: the head has come, so the answer is the client's.
    await until(
      () => server.metric(answered),
      (count) => count === before + 1,
    );
    leaving.abort();
    expect((await running).code).toBe(null);
    await until(
      () => upstream.counters(),
      ({ aborted }) => aborted === 1,
    );
    expect(await upstream.counters()).toMatchObject({ received: 1, open: 0, completed: 0 });
    await until(
      () => server.metric('switchyard_upstream_in_flight'),
      (count) => count === 0,
    );
    expect(await server.metric('switchyard_requests_in_flight{lane="responses"}')).toBe(0);
    const [row] = await until(
      () => newestRequests(1),
      ([found]) => found?.['outcome'] !== 'open' && found?.['outcome'] !== 'completed', // its row may still be on its way
    );
    expect(row).toMatchObject({ outcome: 'client_left', status: 200 });
  }, 60_000);

  test('a refusal of ours is told to the person, and asked for once', async () => {
    const unknown = await exec('anything', { model: 'no-such-model', retries: 3 });
    expect(unknown.code).toBe(1);
    expect(JSON.stringify(unknown.events.at(-1))).toContain('The model `no-such-model` does not exist or this key may not use it.');
    const stranger = await exec('anything', { key: 'sk-test-stranger-not-a-secret' });
    expect(stranger.code).toBe(1);
    expect(JSON.stringify(stranger.events.at(-1))).toContain('This API key is unknown or has been revoked.');
    expect((await upstream.counters()).received).toBe(0);
  }, 60_000);

  test('a codex that asks for the list of models first works as well', async () => {
    const result = await exec('hello', { keyBy: 'command' });
    expect([result.code, result.messages]).toEqual([0, ['You said: hello']]);
    expect(result.stderr).not.toContain('ERROR');
    expect(await server.metric('switchyard_requests_total{surface="models.list",outcome="completed"}')).toBeGreaterThan(0);
  }, 60_000);

  async function newestRequests(limit: number): Promise<Record<string, unknown>[]> {
    return ((await (await server.admin(`/api/logs?limit=${limit}`)).json()) as { data: Record<string, unknown>[] }).data;
  }
});
