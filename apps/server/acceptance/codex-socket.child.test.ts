import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runCodex } from '@switchyard/simulator/codex-exec';
import type { CodexResult, CodexRun } from '@switchyard/simulator/codex-exec';
import { preparedHome } from '@switchyard/testkit/prepared-home';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { fetchCodex, findCodex } from '../../../tools/fetch-codex.mjs';
import { KEY, addAccount, startServer, startTogether, startUpstream, until } from './harness.ts';
import type { ReceivedRequest, Server, Upstream } from './harness.ts';

const bin = process.env['CI'] === undefined ? findCodex() : await fetchCodex();
// CODEX_HOME under the system's temporary folder makes codex complain on stderr (codex-protocol 7.2).
const scratch = fileURLToPath(new URL('../../../.cache/', import.meta.url));

describe.skipIf(bin === undefined)('the real codex exec over WebSocket, through the gateway (without it: node tools/fetch-codex.mjs)', () => {
  const opened = new AsyncDisposableStack();
  let server: Server;
  let first: Upstream;
  let second: Upstream;
  let home: string;

  beforeAll(async () => {
    const state = opened.use(await preparedHome());
    [first, second, server] = await startTogether(opened, startUpstream(), startUpstream(), startServer(state.path));
    await addAccount(server, first, 'a1', undefined, { websocket: true });
    await addAccount(server, second, 'b1', undefined, { websocket: true });
  }, 120_000);
  afterAll(() => opened.disposeAsync(), 60_000);
  beforeEach(async () => {
    await first.reset();
    await second.reset();
    await mkdir(scratch, { recursive: true });
    home = await mkdtemp(join(scratch, 'codex-socket-'));
  });
  afterEach(() => rm(home, { recursive: true, force: true }));

  const exec = (prompt: string, more: Partial<CodexRun> = {}): Promise<CodexResult> =>
    runCodex({ bin: bin!, home, baseUrl: `${server.url}/v1`, key: KEY, prompt, websockets: true, ...more });
  const script = async (rules: unknown): Promise<void> => void (await Promise.all([first, second].map((each) => each.script({ rules }))));
  const received = async (): Promise<ReceivedRequest[]> => [...(await first.received()), ...(await second.received())];
  const bodyOf = ({ body }: ReceivedRequest): Record<string, unknown> => body as Record<string, unknown>;

  test('holds three turns, one of them with a tool call, each in a process of its own, and nothing goes over HTTP', async () => {
    const one = await exec('remember the word heron');
    expect([one.code, one.messages]).toEqual([0, ['You said: remember the word heron']]);

    await script([
      {
        match: { nth: 2 },
        answer: { headers: { 'x-codex-turn-state': 'turn-of-two' }, say: { calls: [{ name: 'exec_command', arguments: { cmd: 'echo hi' } }] } },
      },
      { match: { nth: 3 }, answer: { say: { text: 'The command said hi.' } } },
    ]);
    const two = await exec('run it', { resume: one.threadId });
    expect([two.code, two.messages]).toEqual([0, ['The command said hi.']]);
    expect(two.commands).toMatchObject([{ output: 'hi\n', exitCode: 0 }]);

    for (const each of [first, second]) await each.clearScript();
    const three = await exec('what was the word', { resume: one.threadId });
    expect([three.code, three.threadId, three.messages]).toEqual([0, one.threadId, ['You said: what was the word']]);

    const frames = await received();
    expect(frames.every(({ socket, status, outcome }) => socket !== null && status === 200 && outcome === 'completed')).toBe(true);
    // Each process warms its socket up, and says on it all that it has to say.
    expect(frames.filter((frame) => bodyOf(frame)['generate'] === false).length).toBe(3);
    // Of the tool call only its output goes up, behind the response that asked for it.
    const follow = frames.find((frame) => (bodyOf(frame)['input'] as { type: string }[])[0]?.type === 'function_call_output');
    expect(bodyOf(follow!)).toMatchObject({ previous_response_id: expect.stringMatching(/^resp_/) as string, input: [{}] });
    expect(bodyOf(follow!)['client_metadata']).toMatchObject({ 'x-codex-turn-state': 'turn-of-two' });
    expect(JSON.stringify(frames)).not.toContain(KEY);

    const rows = await until(
      () => newestRequests(7),
      (found) => found.length === 7 && found.every(({ outcome }) => outcome !== 'open'),
    );
    expect(rows).toEqual(
      Array.from({ length: 7 }, () => expect.objectContaining({ surface: 'responses.socket', lane: 'websocket', outcome: 'completed', attempts: 1 })),
    );
  }, 120_000);

  test('an upstream that cuts its socket in the middle costs a retry and nothing more', async () => {
    await script([{ match: { nth: 2 }, answer: { cut: { at: { units: 6 } } } }]);
    const result = await exec('again', { retries: 3 });
    expect([result.code, result.messages.at(-1)]).toEqual([0, 'You said: again']);
    expect((await received()).map(({ outcome }) => outcome)).toContain('cut');
  }, 60_000);

  test('an account that is out of quota is not noticed', async () => {
    await first.script({ rules: [{ times: 'always', answer: { preset: 'usage_limit_reached' } }] });
    const result = await exec('hello');
    expect([result.code, result.messages]).toEqual([0, ['You said: hello']]);
  }, 60_000);

  test('goes on over HTTP in the same run where WebSocket is switched off', async () => {
    const state = opened.use(await preparedHome());
    await using plain = await startServer(state.path, { SWITCHYARD_WEBSOCKET_ENABLED: 'false' });
    await addAccount(plain, first, 'a1', undefined, { websocket: true });
    const result = await exec('hello', { baseUrl: `${plain.url}/v1` });
    expect([result.code, result.messages]).toEqual([0, ['You said: hello']]);
    expect(JSON.stringify(result.events)).not.toContain('WebSocket');
    expect((await received()).filter(({ method }) => method === 'POST').map(({ socket }) => socket)).toEqual([null]);
  }, 60_000);

  test('two terminals at once have a socket each', async () => {
    const other = await mkdtemp(join(scratch, 'codex-socket-'));
    const sockets = async (): Promise<number> => (await first.counters()).sockets.opened + (await second.counters()).sockets.opened;
    const before = await sockets();
    try {
      const both = await Promise.all([exec('one'), exec('two', { home: other })]);
      expect(both.map(({ messages }) => messages)).toEqual([['You said: one'], ['You said: two']]);
      expect((await sockets()) - before).toBe(2);
    } finally {
      await rm(other, { recursive: true, force: true });
    }
  }, 60_000);

  async function newestRequests(limit: number): Promise<Record<string, unknown>[]> {
    return ((await (await server.admin(`/api/logs?limit=${limit}`)).json()) as { data: Record<string, unknown>[] }).data;
  }
});
