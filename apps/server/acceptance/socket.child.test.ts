import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connectSocket, rawExchange } from '@switchyard/testkit';
import type { SocketClient } from '@switchyard/testkit';
import { preparedHome } from '@switchyard/testkit/prepared-home';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { KEY, addAccount, startServer, startTogether, startUpstream, until } from './harness.ts';
import type { Server, Upstream } from './harness.ts';
import { expectRefusal, rawAnswers } from './raw-answer.ts';

// The socket of turns from outside: a server in a process of its own, upstreams in others, and bytes that no client would send.

const AUTH = { authorization: `Bearer ${KEY}` };
const opened = new AsyncDisposableStack();
let server: Server;
let first: Upstream;
let second: Upstream;

beforeAll(async () => {
  const home = opened.use(await preparedHome());
  [first, second, server] = await startTogether(opened, startUpstream(), startUpstream(), startServer(home.path, { SWITCHYARD_WEBSOCKET_PING_MS: '300' }));
  await addAccount(server, first, 'a1', ['m'], { websocket: true });
  await addAccount(server, second, 'b1', ['m'], { websocket: true });
}, 120_000);
afterAll(() => opened.disposeAsync(), 60_000);

const idOf = (frame: Readonly<Record<string, unknown>>): string => (frame['response'] as { id: string }).id;
const connect = (): Promise<SocketClient> => connectSocket(server.url, AUTH);

/** A frame of a client (RFC 6455 section 5.2), wrong where it is told to be. */
function frameBytes(
  payload: Buffer,
  options: { readonly opcode?: number; readonly fin?: boolean; readonly rsv?: number; readonly masked?: boolean; readonly length?: bigint } = {},
): Buffer {
  const { opcode = 1, fin = true, rsv = 0, masked = true, length } = options;
  const size = length ?? BigInt(payload.length);
  const mask = masked ? 0x80 : 0;
  const start = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
  const head =
    size < 126n
      ? Buffer.from([start, mask | Number(size)])
      : size < 65_536n
        ? Buffer.from([start, mask | 126, Number(size >> 8n), Number(size & 255n)])
        : Buffer.concat([Buffer.from([start, mask | 127]), Buffer.from(size.toString(16).padStart(16, '0'), 'hex')]);
  // A mask of zeros leaves the payload as it is.
  return Buffer.concat([head, ...(masked ? [Buffer.alloc(4)] : []), payload]);
}

function upgrade(headers = ''): string {
  const key = randomBytes(16).toString('base64');
  return `GET /v1/responses HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${KEY}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n${headers}\r\n`;
}

/** What a server closed with: the code of the close frame behind the answer of the upgrade. */
function closeCode(received: Buffer): number | null {
  const frame = received.subarray(received.indexOf('\r\n\r\n') + 4);
  return frame[0] === 0x88 ? frame.readUInt16BE(2) : null;
}

const residentKb = (of = server): number => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${of.child.pid}/status`, 'utf8'))?.[1]);

test('the sandbox gets a socket while it is alone; beside an account that speaks none, or has no model to serve, clients are sent to HTTP', async () => {
  const home = opened.use(await preparedHome());
  const toml = (models: string): string =>
    `[[accounts]]\nname = "own"\nkind = "openai-compatible"\nbase_url = "http://127.0.0.1:9/v1"\nwebsocket = true\n${models}`;
  const upgradeAt = async (on: Server): Promise<Buffer> =>
    (await rawExchange(Number(new URL(on.url).port), upgrade().replace('Connection: Upgrade', 'Connection: Upgrade, close'))).received;
  {
    await using alone = await startServer(home.path);
    const client = await connectSocket(alone.url, AUTH);
    client.create({ model: 'sandbox', input: 'hello' });
    await client.next('response.completed');
    await client[Symbol.asyncDispose]();
    await addAccount(alone, second, 'plain', ['m']);
    expectRefusal(await upgradeAt(alone), 426, 'upgrade_required');
    expect((await alone.ask('/v1/responses', { model: 'm', input: 'over HTTP' })).status).toBe(200);
    expect((await alone.admin('/api/accounts/plain', { method: 'DELETE' })).status).toBe(200);
  }
  // One that cannot be asked for its models serves none, whatever it speaks; with models it would.
  for (const [models, gets] of [
    ['', 426],
    ['models = ["m"]\n', 101],
  ] as const) {
    writeFileSync(join(home.path, 'switchyard.toml'), toml(models), { mode: 0o600 });
    await using server = await startServer(home.path);
    if (gets === 426) expectRefusal(await upgradeAt(server), 426, 'upgrade_required');
    else await (await connectSocket(server.url, AUTH))[Symbol.asyncDispose]();
  }
}, 120_000);

describe('bytes that no client should send (B19)', () => {
  const HELLO = Buffer.from('{"type":"response.create"');

  test.each<[string, Buffer, number]>([
    ['an unmasked frame', frameBytes(HELLO, { masked: false }), 1002],
    ['a reserved bit', frameBytes(HELLO, { rsv: 4 }), 1002],
    ['another reserved bit', frameBytes(HELLO, { rsv: 1 }), 1002],
    ['an unknown opcode', frameBytes(HELLO, { opcode: 3 }), 1002],
    ['a control frame in two pieces', frameBytes(Buffer.from('a'), { opcode: 9, fin: false }), 1002],
    ['a control frame that is too long', frameBytes(Buffer.alloc(126), { opcode: 9 }), 1002],
    ['a continuation of nothing', frameBytes(HELLO, { opcode: 0 }), 1002],
    ['text that is not UTF-8', frameBytes(Buffer.from([0xff, 0xfe])), 1007],
    ['a length of 1 GiB', frameBytes(Buffer.alloc(0), { length: 2n ** 30n }), 1009],
    ['a length beyond all bounds', frameBytes(Buffer.alloc(0), { length: 2n ** 63n - 1n }), 1009],
    ['a binary frame', frameBytes(HELLO, { opcode: 2 }), 1003],
  ])('%s closes the socket with the code for it, and memory stays', async (_, bytes, code) => {
    const before = residentKb();
    const { received } = await rawExchange(Number(new URL(server.url).port), Buffer.concat([Buffer.from(upgrade()), bytes]));
    expect(received.toString('latin1')).toMatch(/^HTTP\/1\.1 101 /);
    expect(closeCode(received)).toBe(code);
    expect(residentKb() - before).toBeLessThan(65_536);
  });

  test('an offer of compression, with a window of any size, is not taken up', async () => {
    const offer = 'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=99; server_max_window_bits=99\r\n';
    const { received } = await rawExchange(Number(new URL(server.url).port), Buffer.concat([Buffer.from(upgrade(offer)), frameBytes(HELLO, { rsv: 4 })]));
    expect(received.toString('latin1')).toMatch(/^HTTP\/1\.1 101 /);
    expect(received.toString('latin1').toLowerCase()).not.toContain('permessage-deflate');
    expect(closeCode(received)).toBe(1002);
  });

  test.each<[string, string, number, string]>([
    ['a page of another origin', upgrade('Origin: https://evil.example\r\n'), 403, 'origin_not_allowed'],
    ['no key', upgrade().replace(/Authorization: .*\r\n/, ''), 401, 'invalid_api_key'],
    ['a key in the address', upgrade().replace('/v1/responses', `/v1/responses?key=${KEY}`), 400, 'credential_in_query'],
    ['another version', upgrade().replace('Version: 13', 'Version: 8'), 426, 'upgrade_required'],
    ['a key of the handshake that is none', upgrade().replace(/Sec-WebSocket-Key: .*\r\n/, 'Sec-WebSocket-Key: short\r\n'), 400, 'bad_framing'],
    ['a body', upgrade('Content-Length: 5\r\n'), 400, 'bad_framing'],
    ['another protocol', upgrade().replace('Upgrade: websocket', 'Upgrade: h2c'), 426, 'upgrade_required'],
  ])('an upgrade with %s is refused in the envelope', async (_, request, status, code) => {
    const { received } = await rawExchange(Number(new URL(server.url).port), request.replace('Connection: Upgrade', 'Connection: Upgrade, close'));
    expectRefusal(received, status, code);
  });

  test('an upgrade behind a request that has no answer yet is not taken', async () => {
    const before = `GET /v1/models HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${KEY}\r\n\r\n`;
    const { received } = await rawExchange(
      Number(new URL(server.url).port),
      before.repeat(2) + upgrade().replace('Connection: Upgrade', 'Connection: Upgrade, close'),
    );
    const statuses = rawAnswers(received).map(({ status }) => status);
    expect(statuses.slice(0, 2)).toEqual([200, 200]);
    expect([101, 426]).toContain(statuses[2]);
  });

  test('after all this the server serves', async () => {
    await using client = await connect();
    client.create({ input: 'a' });
    expect(await client.next('response.completed')).toMatchObject({ response: { status: 'completed' } });
  });
});

test('63 MiB go up in one frame, byte for byte, and 65 MiB close the socket', async () => {
  // With pings as they are by default: parsing so much keeps the other ends busy for longer than the short ones here.
  const home = opened.use(await preparedHome());
  await using patient = await startServer(home.path);
  await addAccount(patient, first, 'a1', ['m'], { websocket: true });
  await first.reset();
  await using client = await connectSocket(patient.url, AUTH);
  const text = JSON.stringify({ type: 'response.create', model: 'm', store: false, instructions: 'x'.repeat(63 * 2 ** 20), input: 'a' });
  client.ws.send(text);
  await client.next('response.completed');
  expect((await first.received())[0]?.bodySha256).toBe(createHash('sha256').update(text).digest('hex'));
  client.ws.send(Buffer.alloc(65 * 2 ** 20, 'x').toString());
  expect(await client.closed).toBe(1009);
}, 60_000);

test('an upstream that stops answering in the middle of a turn is given up, and its place is free (B18)', async () => {
  await first.reset();
  await second.reset();
  for (const each of [first, second]) await each.script({ rules: [{ answer: { hold: { at: 6 } } }] });
  await using client = await connect();
  client.create({ input: 'a' });
  await client.next('response.output_text.delta');
  const busy = (await first.counters()).received === 1 ? first : second;
  busy.child.kill('SIGSTOP');
  try {
    expect(await client.closed).toBe(1006);
    await until(
      () => server.metric('switchyard_upstream_in_flight'),
      (count) => count === 0,
    );
    expect(await server.metric('switchyard_sockets_closed_total{why="upstream_vanished"}')).toBe(1);
  } finally {
    busy.child.kill('SIGCONT');
  }
  await first.reset();
  await second.reset();
});

test('a thousand sockets that say nothing cost no place and little memory', async () => {
  // With pings as they are by default: a thousand clients of one process do not all answer within the short ones here.
  const home = opened.use(await preparedHome());
  await using patient = await startServer(home.path);
  await addAccount(patient, first, 'a1', ['m'], { websocket: true });
  const before = residentKb(patient);
  const clients = await Promise.all(Array.from({ length: 1_000 }, () => connectSocket(patient.url, AUTH)));
  expect(await patient.metric('switchyard_sockets')).toBe(1_000);
  expect(await patient.metric('switchyard_requests_in_flight{lane="websocket"}')).toBe(0);
  expect(await patient.metric('switchyard_upstream_in_flight')).toBe(0);
  expect((residentKb(patient) - before) / 1_000).toBeLessThan(45);
  await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
  await until(
    () => patient.metric('switchyard_sockets'),
    (count) => count === 0,
  );
}, 60_000);

test('a conversation survives a kill -9 of the server: what was seen whole goes on at its owner', async () => {
  const home = opened.use(await preparedHome());
  await using before = await startServer(home.path);
  await addAccount(before, first, 'a1', ['m'], { websocket: true });
  await addAccount(before, second, 'b1', ['m'], { websocket: true });
  const seen: string[] = [];
  for (let n = 0; n < 6; n++) {
    await using client = await connectSocket(before.url, AUTH);
    client.create({ input: 'a', store: true });
    seen.push(idOf(await client.next('response.completed')));
  }
  await before.end('SIGKILL');
  await using after = await startServer(home.path);
  for (const id of seen) {
    await using client = await connectSocket(after.url, AUTH);
    client.create({ input: 'b', previous_response_id: id });
    // The other account would answer that it does not know it.
    expect(await client.next('response.completed')).toMatchObject({ response: { previous_response_id: id } });
  }
}, 120_000);
