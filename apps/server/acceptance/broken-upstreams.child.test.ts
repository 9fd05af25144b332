import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { preparedHome } from '@switchyard/testkit/prepared-home';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { KEY, addAccount, addPair, startServer, startTogether, startUpstream, until } from './harness.ts';
import type { Server, Upstream } from './harness.ts';

// Upstreams that break off, fall silent or say too much, and what a client and the other account see of it: fault rows A01, A03, A08, A11,
// A13 and A17. Of each pair `fails` is chosen first.

const PATIENCE_MS = 120_000;
const MIB = 1_048_576;
/** Longest silence of an upstream, before its head and after. */
const SILENCE_MS = 1_500;

const opened = new AsyncDisposableStack();
let server: Server;
let failing: Upstream;
let well: Upstream;
let pairs = 0;

beforeAll(async () => {
  const home = opened.use(await preparedHome());
  const env = { SWITCHYARD_UPSTREAM_REQUEST_TIMEOUT_MS: String(SILENCE_MS), SWITCHYARD_UPSTREAM_IDLE_TIMEOUT_MS: String(SILENCE_MS) };
  [failing, well, server] = await startTogether(opened, startUpstream(), startUpstream(), startServer(home.path, env));
}, PATIENCE_MS);
afterAll(() => opened.disposeAsync(), PATIENCE_MS);
beforeEach(async () => void (await Promise.all([failing.reset(), well.reset()])));

const pair = (first = failing.url): Promise<string> => addPair(server, ++pairs, { url: first }, well);

async function stateOf(name: string): Promise<string | undefined> {
  const { data } = (await (await server.admin('/api/accounts')).json()) as { data: { name: string; state: string }[] };
  return data.find((account) => account.name === name)?.state;
}

const received = async (): Promise<number[]> => [(await failing.counters()).received, (await well.counters()).received];
const user = (content: string): object => ({ role: 'user', content });

/** All that came until the answer ended or broke. */
async function readAll(response: Response): Promise<{ bytes: Buffer; isWhole: boolean }> {
  const chunks: Uint8Array[] = [];
  try {
    for await (const chunk of response.body!) chunks.push(chunk);
    return { bytes: Buffer.concat(chunks), isWhole: true };
  } catch {
    return { bytes: Buffer.concat(chunks), isWhole: false };
  }
}

/** Begins a conversation at the account that fails later. */
async function beginAt(model: string): Promise<string> {
  const response = await server.ask('/v1/responses', { model, input: 'hello' });
  expect([response.status, response.headers.get('x-switchyard-account')]).toEqual([200, `fails-${pairs}`]);
  return ((await response.json()) as { id: string }).id;
}

const event = (type: string, members: object): string => `event: ${type}\ndata: ${JSON.stringify({ type, ...members })}\n\n`;
const OPENING = [
  event('response.created', { sequence_number: 0, response: { id: 'resp_raw', status: 'in_progress', output: [] } }),
  event('response.in_progress', { sequence_number: 1, response: { id: 'resp_raw', status: 'in_progress', output: [] } }),
  event('response.output_text.delta', { sequence_number: 2, item_id: 'msg_1', output_index: 0, content_index: 0, delta: 'grüß Gott, 世界 🦩' }),
];
const SSE = { 'content-type': 'text/event-stream' };

test('a stream that is reset behind its third event is broken off behind the same bytes, and the conversation stays where it is', async () => {
  const model = await pair();
  const previous_response_id = await beginAt(model);
  const said = OPENING.join('');
  const answer = { headers: SSE, text: `${said}event: response.output_text.delta\n`, cut: { at: { bytes: Buffer.byteLength(said) }, how: 'reset' } };
  await failing.script({ rules: [{ answer }] });
  const broken = await readAll(await server.ask('/v1/responses', { model, input: 'more', stream: true, previous_response_id }));
  expect([broken.isWhole, broken.bytes.toString()]).toEqual([false, said]);
  // A connection that breaks says nothing about quota, and takes nothing from the conversation.
  expect(await stateOf(`fails-${pairs}`)).toMatch(/^(backing_off|circuit_open)$/);
  const next = await server.ask('/v1/responses', { model, input: 'more', previous_response_id });
  expect([next.status, next.headers.get('x-switchyard-account')]).toEqual([200, `fails-${pairs}`]);
  expect(await received()).toEqual([3, 0]);
});

test('an account that never begins to answer is given up for the next', async () => {
  const model = await pair();
  await failing.script({ rules: [{ answer: { hold: { at: 'before_head' } } }] });
  const response = await server.ask('/v1/chat/completions', { model, messages: [user('hello')] });
  expect([response.status, response.headers.get('x-switchyard-account')]).toEqual([200, `serves-${pairs}`]);
  expect(await received()).toEqual([1, 1]);
  await until(failing.counters, ({ aborted }) => aborted === 1);
});

test('an account that falls silent after it has said something is broken off, and no other is asked', async () => {
  const model = await pair();
  await failing.script({ rules: [{ answer: { hold: { at: 5 } } }] });
  const { bytes, isWhole } = await readAll(await server.ask('/v1/responses', { model, input: 'hello', stream: true }));
  expect([isWhole, bytes.includes('response.output_text.delta'), bytes.includes('response.completed')]).toEqual([false, true, false]);
  expect(await received()).toEqual([1, 0]);
  await until(failing.counters, ({ aborted }) => aborted === 1);
});

test.each(['\n', '\r\n'])('a stream in pieces of one byte, with lines that end in %j, arrives as it was', async (end) => {
  const model = await pair();
  const id = `resp_pieces${pairs}`;
  const done = event('response.completed', { sequence_number: 3, response: { id, status: 'completed', output: [] } });
  const text = `\uFEFF: so so\n\n${OPENING.join('')}${done}`.replaceAll('resp_raw', id).replaceAll('\n', end);
  await failing.script({ rules: [{ answer: { headers: SSE, text, slice: 1 } }] });
  const { bytes, isWhole } = await readAll(await server.ask('/v1/responses', { model, input: 'hello', stream: true }));
  expect([isWhole, bytes.toString()]).toEqual([true, text]);
  // What lay across the pieces was understood all the same: the conversation is known.
  await failing.clearScript();
  const next = await server.ask(`/v1/responses/${id}`);
  expect(next.headers.get('x-switchyard-account')).toBe(`fails-${pairs}`);
});

/** An upstream in this process: on each connection it answers one request, with what `answer` writes. */
async function rawUpstream(answer: (socket: Socket) => Promise<void> | void): Promise<string> {
  const sockets = new Set<Socket>();
  const raw = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('data', () => void answer(socket));
  }).listen(0, '127.0.0.1');
  await once(raw, 'listening');
  opened.defer(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => raw.close(resolve));
  });
  return `http://127.0.0.1:${(raw.address() as AddressInfo).port}`;
}

const residentBytes = (): number => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${server.child.pid}/status`, 'utf8'))?.[1]) * 1_024;

test('what an upstream says between two events, to show that it lives, is passed on at once', async () => {
  const heard = Promise.withResolvers<Socket>();
  const url = await rawUpstream((socket) => {
    socket.write(`HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n${OPENING.join('')}`);
    heard.resolve(socket);
  });
  const model = await pair(url);
  const leaving = new AbortController();
  const response = await server.ask('/v1/responses', { model, input: 'hello', stream: true }, { signal: leaving.signal });
  const reader = response.body!.getReader();
  const upstream = await heard.promise;
  await reader.read();
  for (let i = 0; i < 10; i++) {
    const sentMs = performance.now();
    upstream.write(`: ping ${i}\n\n`);
    const part = await reader.read();
    expect(Buffer.from(part.value!).toString()).toBe(`: ping ${i}\n\n`);
    expect(performance.now() - sentMs).toBeLessThan(1_000);
  }
  leaving.abort();
});

test('one event of 256 MiB is passed on as it comes, in no more memory than small ones', { timeout: PATIENCE_MS }, async () => {
  const PIECES = 1_024;
  let piece: Buffer = Buffer.alloc(0);
  const begin = `${OPENING.join('')}data: `;
  const url = await rawUpstream(async (socket) => {
    socket.write(`HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n${begin}`);
    for (let i = 0; i < PIECES && !socket.destroyed; i++) if (!socket.write(piece)) await once(socket, 'drain');
    socket.end();
  });
  const model = `m${++pairs}`;
  await addAccount(server, { url }, `alone-${pairs}`, [model]);
  const small = Buffer.alloc(256 * 1_024, `${'x'.repeat(1_016)}\n\ndata: `);
  const large = Buffer.alloc(256 * 1_024, 'x');
  const read = async (each: Buffer): Promise<number> => {
    piece = each;
    const sent = createHash('sha256').update(begin);
    for (let i = 0; i < PIECES; i++) sent.update(piece);
    const came = createHash('sha256');
    let most = 0;
    let chunks = 0;
    const response = await server.ask('/v1/responses', { model, input: 'hello', stream: true });
    for await (const chunk of response.body!) {
      came.update(chunk);
      if (chunks++ % 32 === 0) most = Math.max(most, residentBytes());
    }
    expect(came.digest('hex')).toBe(sent.digest('hex'));
    return most;
  };
  // What a stream of small events of the same length takes is what the runtime leaves lying about.
  const before = await read(small);
  const more = (await read(large)) - before;
  process.stdout.write(`an event of 256 MiB: ${Math.round(more / MIB)} MiB more in memory than small ones\n`);
  expect(more).toBeLessThan(50 * 1_000_000);
});

test('a thousand encodings around what unpacks to 200 MiB are the client’s to undo, and cost nothing here', async () => {
  const packed = gzipSync(Buffer.alloc(200 * MIB));
  const encodings = Array.from({ length: 1_000 }, () => 'gzip').join(',');
  const url = await rawUpstream((socket) => {
    socket.write(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: ${encodings}\r\ncontent-length: ${packed.length}\r\n\r\n`);
    socket.write(packed);
  });
  const model = await pair(url);
  const before = residentBytes();
  const asking = request(`${server.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
  }).end(JSON.stringify({ model, messages: [user('hello')] }));
  const [response] = (await once(asking, 'response')) as [IncomingMessage];
  const bytes = Buffer.concat(await Array.fromAsync(response as AsyncIterable<Buffer>));
  expect([response.statusCode, response.headers['content-encoding'], bytes.equals(packed)]).toEqual([200, encodings, true]);
  expect(residentBytes() - before).toBeLessThan(64 * MIB);
});

test('an account that fails five times in a row is left alone but for its own conversations, and asked when there is no other', async () => {
  const model = await pair();
  const previous_response_id = await beginAt(model);
  const goOn = (): Promise<Response> => server.ask('/v1/responses', { model, input: 'more', previous_response_id });
  await failing.script({ rules: [{ times: 'always', answer: { preset: '500' } }] });
  // Its own conversation asks it, as often as the table says, and nobody else.
  for (let i = 0; i < 5; i++) expect((await goOn()).status).toBe(500);
  expect((await received())[0]).toBeGreaterThanOrEqual(6);
  const { findings } = (await (await server.admin('/api/doctor')).json()) as { findings: { id: string; evidence: string[] }[] };
  expect(findings.find(({ id }) => id === 'circuits_open')?.evidence.join()).toContain(`fails-${pairs}`);
  expect((await received())[1]).toBe(0);

  const [before] = await received();
  for (let i = 0; i < 10; i++) {
    const response = await server.ask('/v1/responses', { model, input: 'new' });
    expect([response.status, response.headers.get('x-switchyard-account')]).toEqual([200, `serves-${pairs}`]);
  }
  expect(await received()).toEqual([before, 10]);

  // With the other one failing as well, somebody is still asked: a circuit never shuts out the last.
  await well.script({ rules: [{ times: 'always', answer: { preset: '500' } }] });
  for (let i = 0; i < 8; i++) {
    const asked = (await received()).reduce((sum, n) => sum + n);
    const { status } = await server.ask('/v1/responses', { model, input: 'new' });
    expect([status, (await received()).reduce((sum, n) => sum + n) > asked]).toEqual([500, true]);
  }
  await failing.clearScript();
  const next = await goOn();
  expect([next.status, next.headers.get('x-switchyard-account')]).toEqual([200, `fails-${pairs}`]);
});
