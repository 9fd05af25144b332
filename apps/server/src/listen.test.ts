import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect } from 'node:net';
import type { Server } from 'node:net';
import { rawExchange } from '@switchyard/testkit';
import { afterEach, expect, test } from 'vitest';
import { listen } from './listen.ts';
import type { Listener, ListenerOptions } from './listen.ts';

const listeners: Listener[] = [];
afterEach(async () => {
  for (const listener of listeners.splice(0)) await listener.close();
});

/** A listener that notes the targets it is asked for. `/wait` is answered when the test says so. */
async function open(options: Partial<ListenerOptions> = {}) {
  const asked: string[] = [];
  const waiting: ServerResponse[] = [];
  const acceptErrors: Error[] = [];
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    asked.push(request.url!);
    if (request.url === '/wait') waiting.push(response);
    else response.end('ok');
  };
  const listener = await listen({
    host: '127.0.0.1',
    port: 0,
    of: 'gateway',
    handle,
    headerTimeoutMs: 10_000,
    bodyTimeoutMs: 500,
    idleConnectionMs: 10_000,
    connectionsPerAddress: 0,
    newRequestId: () => 'req_test',
    onAcceptError: (error) => acceptErrors.push(error),
    ...options,
  });
  listeners.push(listener);
  return { listener, port: Number(new URL(listener.address).port), asked, waiting, acceptErrors };
}

const get = (path: string, more = ''): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n${more}\r\n`;
const CLOSE = 'Connection: close\r\n';

async function reached<T>(list: readonly T[], count: number): Promise<void> {
  while (list.length < count) await new Promise(setImmediate);
}

test('a request that was sent ahead is not looked at before the one in front has its answer', async () => {
  const { port, asked, waiting } = await open();
  const exchange = rawExchange(port, get('/wait') + get('/second') + get('/third', CLOSE));
  await reached(waiting, 1);
  await rawExchange(port, get('/other', CLOSE)); // A whole round trip later it still has not been.
  expect(asked).toEqual(['/wait', '/other']);
  waiting[0]!.end('ok');
  const { received } = await exchange;
  expect(received.toString().match(/HTTP\/1\.1 200/g)).toHaveLength(3);
  expect(asked).toEqual(['/wait', '/other', '/second', '/third']);
});

test('a request behind an answer that closes the connection, or behind a client that left, comes to nothing', async () => {
  const { port, asked, waiting } = await open();
  const closing = rawExchange(port, get('/wait') + get('/second'));
  await reached(waiting, 1);
  waiting[0]!.writeHead(200, { connection: 'close' }).end('ok');
  expect((await closing).received.toString().match(/HTTP\/1\.1/g)).toHaveLength(1);

  const socket = connect(port, '127.0.0.1');
  socket.write(get('/wait') + get('/fourth'));
  await reached(waiting, 2);
  const gone = new Promise((resolve) => waiting[1]!.on('close', resolve));
  socket.destroy();
  await gone;
  expect(asked).toEqual(['/wait', '/wait']);
});

test('no bytes that are no request reach the handler', async () => {
  const { port, asked } = await open();
  for (const bytes of ['nonsense\r\n\r\n', '\x16\x03\x01\x02\x00\x01\x00', get('/a', 'X-A : b\r\n'), get('/a').replaceAll('\r\n', '\n')]) {
    const { received } = await rawExchange(port, bytes);
    expect(received.toString()).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n[^]*connection: close\r\n\r\n[^]*"code":"bad_framing"[^]*"request_id":"req_test"/);
  }
  expect(asked).toEqual([]);
});

test('a head over the limits gets 431, however much of it comes', async () => {
  const { port, asked } = await open();
  const { received } = await rawExchange(port, get('/a', `X-A: ${'a'.repeat(2_000_000)}\r\n`));
  expect(received.toString()).toMatch(/^HTTP\/1\.1 431 [^]*"code":"headers_too_large"/);
  expect(asked).toEqual([]);
});

test('the limit of the body may be below that of the head', async () => {
  const { port } = await open({ headerTimeoutMs: 60_000, bodyTimeoutMs: 100 });
  expect((await rawExchange(port, get('/a', CLOSE))).received.toString()).toContain('200 OK');
});

test('connections of one address above the limit are closed as they come; a place that is free again can be had', async () => {
  const { port } = await open({ connectionsPerAddress: 2 });
  const held = [connect(port, '127.0.0.1'), connect(port, '127.0.0.1')] as const;
  for (const socket of held) {
    socket.write(get('/a'));
    await new Promise((resolve) => socket.once('data', resolve));
  }
  const third = await rawExchange(port, get('/a', CLOSE));
  expect(third.received).toHaveLength(0);
  expect(await answersSoon(port, held[0])).toBe(true);
  held[1].destroy();
});

/** Lets go of a connection and asks until its place is free. */
async function answersSoon(port: number, held: ReturnType<typeof connect>): Promise<boolean> {
  held.destroy();
  for (;;) if ((await rawExchange(port, get('/a', CLOSE))).received.length > 0) return true;
}

test('stopping ends accepting at once, and lets a running request have its answer', async () => {
  const { listener, port, waiting } = await open();
  const running = rawExchange(port, get('/wait'));
  await reached(waiting, 1);
  listener.stopAccepting();
  await expect(rawExchange(port, get('/a'))).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  waiting[0]!.end('ok');
  await listener.close();
  expect((await running).received.toString()).toContain('200 OK');
});

test('connections that cannot be taken are told once, and the others are served on', async () => {
  const { port, waiting, acceptErrors } = await open();
  const running = rawExchange(port, get('/wait', CLOSE));
  await reached(waiting, 1);
  const { server } = waiting[0]!.socket as unknown as { server: Server };
  const error = Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' });
  for (let i = 0; i < 3; i++) server.emit('error', error);
  expect(acceptErrors).toEqual([error]);
  waiting[0]!.end('ok');
  expect((await running).received.toString()).toContain('200 OK');
  expect((await rawExchange(port, get('/a', CLOSE))).received.toString()).toContain('200 OK');
});

test('an address that cannot be had is refused with the place and the remedy', async () => {
  const { port } = await open();
  await expect(open({ port })).rejects.toThrow(
    `Port ${port} on 127.0.0.1 is in use by another program. Stop that program, or choose another port: SWITCHYARD_PORT=${port + (port > 65_525 ? -10 : 10)}`,
  );
  await expect(open({ port, of: 'admin' })).rejects.toThrow(`SWITCHYARD_ADMIN_LISTEN=127.0.0.1:${port + (port > 65_525 ? -10 : 10)}, or 0`);
  await expect(open({ host: '192.0.2.1', of: 'admin' })).rejects.toThrow('Set SWITCHYARD_ADMIN_LISTEN');
  await expect(open({ host: '192.0.2.1' })).rejects.toThrow('192.0.2.1 is not an address of this machine. Set SWITCHYARD_HOST');
});
