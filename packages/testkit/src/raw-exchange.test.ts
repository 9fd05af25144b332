import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

import { expect, test } from 'vitest';

import { rawExchange } from './raw-exchange.ts';

async function listen(serve: (socket: Socket) => void): Promise<AsyncDisposable & { readonly port: number }> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    serve(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

test('bytes arrive as given, pauses between them, and the answer is collected until the peer ends it', async () => {
  const arrived: Buffer[] = [];
  await using peer = await listen((socket) => socket.on('data', (chunk) => arrived.push(chunk)).on('end', () => socket.end('bye\xff', 'latin1')));
  const { received, endedBy } = await rawExchange(peer.port, ['GET \xe9', 20, Uint8Array.of(0, 13, 10)], { halfClose: true });
  expect(Buffer.concat(arrived)).toEqual(Buffer.from([0x47, 0x45, 0x54, 0x20, 0xe9, 0, 13, 10]));
  expect(arrived.length).toBeGreaterThan(1);
  expect(received).toEqual(Buffer.from('bye\xff', 'latin1'));
  expect(endedBy).toBe('end');
});

test('an exchange ends when what came is enough', async () => {
  await using peer = await listen((socket) => socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\n\r\n')));
  const { received, endedBy } = await rawExchange(peer.port, 'ping', { until: (bytes) => bytes.includes('\r\n\r\n') });
  expect(endedBy).toBe('until');
  expect(received.toString()).toContain('200 OK');
});

test('a reset is told from an end', async () => {
  await using peer = await listen((socket) => socket.on('data', () => socket.resetAndDestroy()));
  expect((await rawExchange(peer.port, 'ping')).endedBy).toBe('reset');
});

test('a peer that stays silent is a failure that shows what had come', async () => {
  await using peer = await listen((socket) => socket.write('half'));
  await expect(rawExchange(peer.port, 'ping', { silenceMs: 50 })).rejects.toThrow(/nothing came for 50 ms; so far "half"/);
});
