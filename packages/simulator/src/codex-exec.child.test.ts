import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { fetchCodex } from '../../../tools/fetch-codex.mjs';
import { unsignedJwt } from './chatgpt/unsigned-jwt.ts';
import type { CodexResult, CodexRun } from './codex-exec.ts';
import { runCodex } from './codex-exec.ts';
import type { Simulator } from './open-simulator.ts';
import { openSimulator } from './open-simulator.ts';

// CODEX_HOME under the system's temporary folder makes codex complain on stderr (codex-protocol 7.2).
const scratch = fileURLToPath(new URL('../../../.cache/', import.meta.url));

let bin: string;
let home: string;
let simulator: Simulator;

beforeAll(async () => {
  bin = await fetchCodex();
}, 600_000);
beforeEach(async () => {
  await mkdir(scratch, { recursive: true });
  home = await mkdtemp(join(scratch, 'codex-test-'));
  simulator = await openSimulator({ mode: 'scriptable' });
});
afterEach(async () => {
  await simulator[Symbol.asyncDispose]();
  await rm(home, { recursive: true, force: true });
});

const exec = (prompt: string, more: Partial<CodexRun> = {}): Promise<CodexResult> =>
  runCodex({ bin, home, baseUrl: `${simulator.url}/v1`, key: 'sk-test-codex-not-a-secret', prompt, ...more });

describe('the real codex exec', () => {
  test('holds three turns on one thread, one of them with a shell command, and speaks to nobody else', async () => {
    const strangers: string[] = [];
    const trap = createServer((socket) =>
      socket.once('data', (bytes) => {
        strangers.push(bytes.toString('latin1').split('\r\n')[0] ?? '');
        socket.destroy();
      }),
    );
    await new Promise<void>((resolve) => trap.listen(0, '127.0.0.1', resolve));
    const proxy = `http://127.0.0.1:${(trap.address() as AddressInfo).port}`;
    const env = { HTTP_PROXY: proxy, HTTPS_PROXY: proxy, ALL_PROXY: proxy, NO_PROXY: '127.0.0.1' };

    const first = await exec('remember the word heron', { env });
    expect([first.code, first.messages]).toEqual([0, ['You said: remember the word heron']]);

    simulator.script({
      rules: [{ answer: { say: { calls: [{ name: 'exec_command', arguments: { cmd: 'echo hi' } }] } } }, { answer: { say: { text: 'The command said hi.' } } }],
    });
    const second = await exec('run it', { env, resume: first.threadId });
    expect([second.code, second.messages]).toEqual([0, ['The command said hi.']]);
    expect(second.commands).toMatchObject([{ output: 'hi\n', exitCode: 0 }]);

    const third = await exec('what was the word', { env, resume: first.threadId });
    expect([third.code, third.threadId, third.messages]).toEqual([0, first.threadId, ['You said: what was the word']]);

    const requests = simulator.received();
    expect(requests.map(({ path, status, outcome }) => `${path} ${status} ${outcome}`)).toEqual(Array.from({ length: 4 }, () => '/v1/responses 200 completed'));
    expect(new Set(requests.map(({ headers }) => headers['thread-id']))).toEqual(new Set([first.threadId]));
    const transcript = JSON.stringify(requests.at(-1)?.body);
    for (const part of ['remember the word heron', 'Output:\\\\nhi\\\\n', 'The command said hi.'])
      expect(transcript.replaceAll('\\\\n', '\\n')).toContain(part.replaceAll('\\\\n', '\\n'));
    expect(strangers).toEqual([]);
    trap.close();
  }, 120_000);

  test('fails the turn at once on a usage limit, and says when it ends', async () => {
    simulator.script({ rules: [{ answer: { preset: 'usage_limit_reached' } }] });
    const result = await exec('anything', { retries: 3 });
    expect(result.code).toBe(1);
    expect(JSON.stringify(result.events.at(-1))).toContain('usage limit');
    expect(simulator.counters().received).toBe(1);
  }, 60_000);

  test('tries again after a stream that broke off, and then succeeds', async () => {
    simulator.script({ rules: [{ answer: { preset: 'eof' } }, { answer: { preset: 'reset' } }, { answer: { preset: 'failed_slow_down' } }] });
    const result = await exec('again and again', { retries: 5 });
    expect([result.code, result.messages.at(-1)]).toEqual([0, 'You said: again and again']);
    expect(simulator.received().map(({ outcome }) => outcome)).toEqual(['completed', 'cut', 'completed', 'completed']);
  }, 60_000);

  test('does not mind quota events, paced events, comments and CRLF', async () => {
    const before = [{ type: 'codex.rate_limits', rate_limits: { primary: { used_percent: 55, window_minutes: 300, reset_at: 1_893_456_000 } } }];
    simulator.script({ rules: [{ answer: { before, malformed: 'crlf', slice: 5 } }, { answer: { malformed: 'comments', intervalMs: 2 } }] });
    for (const words of ['first', 'second']) expect((await exec(words)).messages).toEqual([`You said: ${words}`]);
  }, 60_000);

  test('accepts the list of models in its own shape, and keeps its entity tag', async () => {
    const result = await exec('hello', { keyBy: 'command' });
    expect([result.code, result.messages]).toEqual([0, ['You said: hello']]);
    expect(simulator.received().filter(({ path, query }) => path === '/v1/models' && query === '?client_version=0.169.0').length).toBeGreaterThan(0);
    const cache = JSON.parse(await readFile(join(home, 'codex', 'models_cache.json'), 'utf8')) as { etag: string; models: { slug: string }[] };
    expect(cache.models.map(({ slug }) => slug)).toEqual(expect.arrayContaining(['gpt-5.5', 'gpt-5.5-mini']));
    expect(cache.etag).toContain('gpt-5.5,gpt-5.5-mini');
  }, 60_000);

  test('speaks over a socket: a warm-up, and three turns with a command, each socket one process', async () => {
    const first = await exec('remember the word heron', { websockets: true });
    expect([first.code, first.messages]).toEqual([0, ['You said: remember the word heron']]);
    simulator.script({
      rules: [
        { match: { nth: 2 }, answer: { say: { calls: [{ name: 'exec_command', arguments: { cmd: 'echo hi' } }] } } },
        { match: { nth: 3 }, answer: { say: { text: 'The command said hi.' } } },
      ],
    });
    const second = await exec('run it', { websockets: true, resume: first.threadId });
    expect([second.code, second.messages]).toEqual([0, ['The command said hi.']]);
    expect(second.commands).toMatchObject([{ output: 'hi\n', exitCode: 0 }]);

    const turns = simulator.received().map(({ socket, status, outcome, body }) => ({ socket, status, outcome, body: body as Record<string, unknown> }));
    expect(turns.map(({ socket, status, outcome }) => [socket, status, outcome])).toEqual([1, 1, 2, 2, 2].map((socket) => [socket, 200, 'completed']));
    expect(turns.map(({ body }) => body['generate'])).toEqual([false, undefined, false, undefined, undefined]);
    // Only what is new goes up, behind the response that it goes on from.
    expect(turns.at(-1)?.body['previous_response_id']).toMatch(/^resp_/);
    expect(turns.at(-1)?.body['input']).toMatchObject([{ type: 'function_call_output' }]);
    expect(simulator.counters().sockets).toEqual({ opened: 2, open: 0 });
  }, 120_000);

  test('goes on over HTTP, without a word to the user, when the upgrade is answered 426', async () => {
    simulator.script({ rules: [{ match: { method: 'GET', path: '/v1/responses' }, times: 'always', answer: { status: 426, body: {} } }] });
    const result = await exec('hello', { websockets: true });
    expect([result.code, result.messages]).toEqual([0, ['You said: hello']]);
    expect(simulator.received().map(({ method, status }) => `${method} ${status}`)).toEqual(['GET 426', 'POST 200']);
    expect(JSON.stringify(result.events)).not.toContain('WebSocket');
  }, 60_000);

  test('with a ChatGPT login it compresses what it sends, asks for its account, and renews a token that is refused, once', async () => {
    const login = { accessToken: unsignedJwt({ exp: 4_000_000_000 }), refreshToken: 'rt-test-not-a-secret', accountId: 'acct-1' };
    simulator.script({ logins: { c1: login } });
    const run = { login: { ...login, backendUrl: `${simulator.url}/backend-api`, tokenUrl: `${simulator.url}/oauth/token` } };
    const first = await exec('hello', run);
    expect([first.code, first.messages]).toEqual([0, ['You said: hello']]);
    const paths = simulator.received().map(({ path }) => path);
    expect(paths).toContain('/backend-api/wham/accounts/check');
    expect(paths).not.toContain('/oauth/token');
    const turn = simulator.received().find(({ path }) => path === '/v1/responses');
    expect(turn).toMatchObject({ key: 'c1', headers: { 'content-encoding': 'zstd', 'chatgpt-account-id': 'acct-1' }, body: { model: 'gpt-5.5' } });

    // Twice, for before it renews a token codex sees whether somebody else has. Not by `expire`: the questions with which it begins would be refused, too, and codex takes that for a network that it may not use.
    simulator.script({ rules: [{ match: { path: '/v1/responses' }, times: 2, answer: { status: 401, body: { error: { code: 'token_expired' } } } }] });
    const second = await exec('again', run);
    expect([second.code, second.messages]).toEqual([0, ['You said: again']]);
    expect(simulator.received().filter(({ path, status }) => path === '/oauth/token' && status === 200)).toHaveLength(1);
  }, 60_000);

  test('killing it in the middle of an answer counts as one abort', async () => {
    simulator.script({ rules: [{ answer: { hold: { at: 4 } } }] });
    const leaving = new AbortController();
    const running = exec('wait for it', { signal: leaving.signal });
    await simulator.until(({ open }) => open === 1);
    leaving.abort();
    expect((await running).code).toBe(null);
    await simulator.until(({ aborted }) => aborted === 1);
    expect(simulator.counters()).toMatchObject({ open: 0, aborted: 1 });
  }, 60_000);
});
