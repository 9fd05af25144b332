import { once } from 'node:events';
import { createServer } from 'node:http';
import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SwitchyardError, errorEnvelope } from '@switchyard/contracts';
import { expect, test } from 'vitest';
import { serverOperations } from './server-operations.ts';

async function withServer<T>(listener: RequestListener, use: (address: string) => Promise<T>): Promise<T> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    return await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  }
}

test('a call carries the token, and its answer comes back', async () => {
  const seen: unknown[] = [];
  const listener: RequestListener = (request, response) => {
    seen.push([request.method, request.url, request.headers.authorization]);
    response.setHeader('content-type', 'application/json').end('{"data":[],"has_more":false,"last_id":null}');
  };
  await withServer(listener, async (address) => {
    await using operations = serverOperations(address, 'swadm-test-not-a-secret');
    expect(await operations.listRequests({ limit: 3, after: 'req_1' })).toEqual({ data: [], has_more: false, last_id: null });
  });
  expect(seen).toEqual([['GET', '/api/logs?limit=3&after=req_1', 'Bearer swadm-test-not-a-secret']]);
});

test('a refusal arrives as the fault that it was', async () => {
  const refusal = new SwitchyardError('not_found', 'There is no key "k".');
  const listener: RequestListener = (_, response) => void response.writeHead(404).end(JSON.stringify(errorEnvelope(refusal, 'req_1')));
  await withServer(listener, async (address) => {
    await expect(serverOperations(address, 't').revokeKey('k')).rejects.toMatchObject({ code: 'not_found', message: 'There is no key "k".' });
  });
});

test.each<{ what: string; listener: RequestListener }>([
  { what: 'cuts the connection', listener: (request) => void request.socket.destroy() },
  {
    what: 'breaks off in its answer',
    listener: (_, response) => void response.writeHead(200, { 'content-length': '100' }).write('{"da', () => response.destroy()),
  },
  { what: 'is another program', listener: (_, response) => void response.end('<html>') },
])('a server that $what is told in one sentence', async ({ listener }) => {
  await withServer(listener, async (address) => {
    await expect(serverOperations(address, 't').listKeys()).rejects.toMatchObject({ name: 'CommandRefusal', code: 'server_gone' });
  });
});

test('a server that is gone is told in one sentence', async () => {
  const address = await withServer(
    () => {},
    async (url) => url,
  );
  await expect(serverOperations(address, 't').listKeys()).rejects.toMatchObject({ code: 'server_gone', message: expect.stringContaining(address) as string });
});
