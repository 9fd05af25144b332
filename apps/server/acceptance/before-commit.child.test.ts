import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runCodex } from '@switchyard/simulator/codex-exec';
import { preparedHome } from '@switchyard/testkit/prepared-home';
import OpenAI from 'openai';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { fetchCodex, findCodex } from '../../../tools/fetch-codex.mjs';
import { KEY, addAccount, addPair, cli, startServer, startTogether, startUpstream, until } from './harness.ts';
import type { Server, Upstream } from './harness.ts';

// Accounts that fail before anything has been said, seen by the programs that people use. Of each pair `fails` is chosen first.

const bin = process.env['CI'] === undefined ? findCodex() : await fetchCodex();
const scratch = fileURLToPath(new URL('../../../.cache/', import.meta.url));
const opened = new AsyncDisposableStack();
let server: Server;
let failing: Upstream;
let well: Upstream;
let client: OpenAI;
let pairs = 0;

beforeAll(async () => {
  const home = opened.use(await preparedHome());
  [failing, well, server] = await startTogether(opened, startUpstream(), startUpstream(), startServer(home.path));
  client = new OpenAI({ apiKey: KEY, baseURL: `${server.url}/v1`, maxRetries: 0 });
}, 120_000);
afterAll(() => opened.disposeAsync(), 60_000);
beforeEach(async () => void (await Promise.all([failing.reset(), well.reset()])));

const pair = (first = failing.url): Promise<string> => addPair(server, ++pairs, { url: first }, well);

test.each([
  ['breaks off in its opening', { cut: { at: { units: 3 }, how: 'reset' } }, 'broken_off'],
  ['ends in its opening', { cut: { at: { units: 2 }, how: 'close' } }, 'broken_off'],
  ['says first that it is overloaded', { preset: 'failed_server_is_overloaded', say: {} }, 'overloaded'],
  ['says first that its limit is reached', { preset: 'failed_usage_limit_reached', say: {} }, 'quota'],
  ['answers with an error of its own', { preset: '500' }, 'server_error'],
  ['closes before the head', { cut: { at: 'before_head' } }, 'broken_off'],
  ['refuses the credential', { preset: 'invalid_api_key' }, 'credential_refused'],
] as const)('a stream whose account %s is another’s: the SDK sees one whole answer', async (_how, answer, policy) => {
  const model = await pair();
  await failing.script({ rules: [{ match: { model }, answer }] });
  const { data, response } = await client.responses.create({ model, input: 'go round', stream: true }).withResponse();
  const events = await Array.fromAsync(data);
  expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, index) => index));
  expect(response.headers.get('x-switchyard-account')).toBe(`serves-${pairs}`);
  expect([events[0]?.type, events.at(-1)?.type]).toEqual(['response.created', 'response.completed']);
  // The id is the second account's, and the conversation stays with it.
  const id = events[0]?.type === 'response.created' ? events[0].response.id : '';
  const next = await client.responses.create({ model, input: 'more', previous_response_id: id });
  expect(next.output_text).toBe('You said: more');
  expect([(await failing.counters()).received, (await well.counters()).received]).toEqual([1, 2]);

  const requestId = response.headers.get('x-switchyard-request-id')!;
  const explained = await until(
    async () => (await (await server.admin(`/api/decisions/${requestId}`)).json()) as { outcome: string; decision: { attempts: Record<string, unknown>[] } },
    ({ outcome }) => outcome === 'completed',
  );
  expect(explained.decision.attempts).toMatchObject([
    { account: `fails-${pairs}`, policy, verdict: 'next_account' },
    { account: `serves-${pairs}`, policy: 'passed_on', verdict: 'relayed' },
  ]);
  const why = await cli(server.home, ['why', requestId]);
  expect(why.stdout).toContain('another account was looked for');
  expect(why.stdout).toContain('this answer went to the client');
});

test('a stream of chat that begins with an error is another account’s too', async () => {
  const model = await pair();
  await failing.script({
    rules: [{ match: { model }, answer: { text: 'data: {"error":{"code":"slow_down","message":"x"}}\n\n', headers: { 'content-type': 'text/event-stream' } } }],
  });
  const stream = await client.chat.completions.create({ model, messages: [{ role: 'user', content: 'hi' }], stream: true });
  const text = (await Array.fromAsync(stream)).map((chunk) => chunk.choices[0]?.delta.content ?? '').join('');
  expect(text).toBe('You said: hi');
});

test('a client that is refused for bytes that are no HTTP, while its owner is waited for, costs no further try', async () => {
  const model = await pair();
  const { id } = await client.responses.create({ model, input: 'a conversation' });
  await failing.script({ rules: [{ match: { model }, times: 'always', answer: { preset: 'server_is_overloaded' } }] });
  const body = JSON.stringify({ model, input: 'more', previous_response_id: id });
  const { port } = new URL(server.url);
  const socket = connect(Number(port), '127.0.0.1');
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.write(
    `POST /v1/responses HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${KEY}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
  await until(
    () => failing.counters(),
    ({ received }) => received >= 2,
  );
  socket.write('no HTTP at all\r\n\r\n');
  await closed;
  expect(text).toContain('"code":"bad_framing"');
  const asked = (await failing.counters()).received;
  expect(asked).toBeLessThanOrEqual(4);
  // Whoever stays is asked for four times, and takes longer about it than what would have been left of the other.
  const staying = await server.ask('/v1/responses', { model, input: 'more', previous_response_id: id });
  expect(staying.status).toBe(503);
  expect((await failing.counters()).received).toBe(asked + 4);
});

// A03: silence is not waited for beyond the look-ahead; who leaves takes the attempt along.
test('a stream that is silent after its head is the client’s after a second, and nobody else’s', async () => {
  const model = await pair();
  await failing.script({ rules: [{ match: { model }, answer: { hold: { at: 'after_head' } } }] });
  const leaving = new AbortController();
  const response = await server.ask('/v1/responses', { model, input: 'x', stream: true }, { signal: leaving.signal });
  expect([response.status, response.headers.get('x-switchyard-account')]).toEqual([200, `fails-${pairs}`]);
  leaving.abort();
  await until(
    () => failing.counters(),
    ({ aborted }) => aborted === 1,
  );
  expect((await well.counters()).received).toBe(0);
});

/** An upstream that answers every request with these bytes and keeps the connection. */
async function rawUpstream(bytes: Buffer): Promise<{ url: string; connections: () => number }> {
  let connections = 0;
  const sockets = new Set<Socket>();
  const raw = createServer((socket) => {
    connections++;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', () => void socket.write(bytes));
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => raw.once('listening', resolve));
  opened.defer(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => raw.close(resolve));
  });
  return { url: `http://127.0.0.1:${(raw.address() as AddressInfo).port}`, connections: () => connections };
}

const SMUGGLED = 'HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nsmuggled';

// A14, A15: what is no HTTP is no answer; its connection is never used again, and none of its bytes reaches anybody.
test.each([
  ['a length and chunks at once', `HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n${SMUGGLED}`],
  ['two lengths', `HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello!${SMUGGLED}`],
  ['no HTTP at all', `hello ${SMUGGLED}`],
  ['headers without end', `HTTP/1.1 200 OK\r\n${`x-long: ${'x'.repeat(8_000)}\r\n`.repeat(200)}\r\n`],
])('an upstream that sends %s has not answered: the next account does', async (_what, bytes) => {
  const raw = await rawUpstream(Buffer.from(bytes));
  const model = await pair(raw.url);
  for (let i = 0; i < 3; i++) {
    const answer = await client.chat.completions.create({ model, messages: [{ role: 'user', content: `hi ${i}` }] });
    expect(answer.choices[0]?.message.content).toBe(`You said: hi ${i}`);
  }
  expect(raw.connections()).toBe(1);
});

test('bytes after the end of an answer reach nobody, and their connection is not used again', async () => {
  const raw = await rawUpstream(Buffer.from(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}${SMUGGLED}`));
  const model = `m${++pairs}`;
  await addAccount(server, raw, `alone-${pairs}`, [model]);
  for (let i = 0; i < 3; i++) {
    const response = await server.ask('/v1/chat/completions', { model, messages: [] });
    expect(await response.text()).not.toContain('smuggled');
  }
});

test.each([
  ['a hundred are waited out', 100, 'fails'],
  ['one more is no answer any more: the next account does', 101, 'serves'],
  ['ten thousand are not read to their end', 10_000, 'serves'],
])('of interim answers before the real one, %s', async (_what, count, account) => {
  const raw = await rawUpstream(Buffer.from(`${'HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n'.repeat(count)}HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}`));
  const model = await pair(raw.url);
  const response = await server.ask('/v1/chat/completions', { model, messages: [{ role: 'user', content: 'hi' }] });
  expect([response.status, response.headers.get('x-switchyard-account')]).toEqual([200, `${account}-${pairs}`]);
  await response.text();
});

// A12, A13: what an upstream says is not ours to mend.
test.each(['crlf', 'lone_cr', 'bom', 'comments', 'no_event_names', 'no_blank_lines', 'bad_utf8', 'nul', 'bad_json'])(
  'a stream with %s passes through as it is',
  async (malformed) => {
    const model = await pair();
    await failing.script({ rules: [{ match: { model }, times: 'always', answer: { malformed } }] });
    const through = await server.ask('/v1/chat/completions', { model, stream: true, messages: [{ role: 'user', content: 'hé' }] });
    const bytes = Buffer.from(await through.arrayBuffer());
    const direct = await fetch(`${failing.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model, stream: true, messages: [{ role: 'user', content: 'hé' }] }),
    });
    // Ids and times differ from one answer to the next, and nothing else.
    const still = (raw: Buffer): string => raw.toString('latin1').replaceAll(/chatcmpl-\w+|"created":\d+/g, '');
    expect(still(bytes)).toBe(still(Buffer.from(await direct.arrayBuffer())));
    expect(through.headers.get('x-switchyard-account')).toBe(`fails-${pairs}`);
  },
);

test('an answer that is encoded though nobody asked for it passes through undecoded and unread', async () => {
  const model = await pair();
  await failing.script({ rules: [{ match: { model }, answer: { gzip: true } }] });
  const body = JSON.stringify({ model, stream: true, messages: [{ role: 'user', content: 'hi' }] });
  const url = new URL(server.url);
  const raw = await new Promise<Buffer>((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(Number(url.port), url.hostname, () =>
      socket.write(
        `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer ${KEY}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
      ),
    );
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('end', () => resolve(Buffer.concat(chunks)));
    socket.on('error', reject);
  });
  expect(raw.toString('latin1').toLowerCase()).toContain('content-encoding: gzip');
  expect((await failing.received())[0]?.headers['accept-encoding']).toBe('identity');
});

describe.skipIf(bin === undefined)('the real codex (without it: node tools/fetch-codex.mjs)', () => {
  test('goes round an account that fails in its opening without noticing, and stops in its own words at an owner that is out of quota', async () => {
    await mkdir(scratch, { recursive: true });
    const home = await mkdtemp(join(scratch, 'codex-before-commit-'));
    try {
      const model = await pair();
      // Upstreams repeat the tools of the request in their first event, and those of codex are longer than what is held: so it fails before that.
      const overloaded = { type: 'response.failed', response: { error: { code: 'server_is_overloaded', message: 'x' } } };
      await failing.script({ rules: [{ match: { model }, answer: { before: [overloaded], cut: { at: { units: 1 } } } }] });
      const exec = (prompt: string): ReturnType<typeof runCodex> =>
        runCodex({ bin: bin!, home, baseUrl: `${server.url}/v1`, key: KEY, model, prompt, retries: 3 });
      const round = await exec('hello');
      expect([round.code, round.messages]).toEqual([0, ['You said: hello']]);
      expect([(await failing.counters()).received, (await well.counters()).received]).toEqual([1, 1]);

      // Our own refusal for an exhausted owner, then put before codex word for word.
      const { id } = await client.responses.create({ model, input: 'a conversation' });
      await well.script({ rules: [{ match: { model }, answer: { preset: 'usage_limit_reached' } }] });
      await expect(client.responses.create({ model, input: 'more', previous_response_id: id })).rejects.toMatchObject({ status: 429 });
      const refused = await server.ask('/v1/responses', { model, input: 'more', previous_response_id: id });
      const retryAfter = refused.headers.get('retry-after')!;
      const body = (await refused.json()) as { error: { code: string } };
      expect([refused.status, body.error.code]).toEqual([429, 'owner_unavailable']);
      await Promise.all(
        [failing, well].map((upstream) =>
          upstream.script({ rules: [{ match: { model }, times: 'always', answer: { status: 429, headers: { 'retry-after': retryAfter }, body } }] }),
        ),
      );
      const stopped = await exec('anything');
      expect(stopped.code).toBe(1);
      expect(JSON.stringify(stopped.events.at(-1))).toContain('usage limit');
    } finally {
      await rm(home, { recursive: true, force: true });
    }
  }, 120_000);
});
