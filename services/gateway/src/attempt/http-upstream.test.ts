import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { RequestListener } from 'node:http';
import { expect, onTestFinished, test } from 'vitest';
import type { UpstreamAnswer, UpstreamRequest } from '@switchyard/contracts';
import { Connections } from './connections.ts';
import { HttpUpstream } from './http-upstream.ts';

async function connectionsTo(listener: RequestListener): Promise<Connections> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const connections = new Connections({ origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, connectTimeoutMs: 5_000 });
  onTestFinished(async () => {
    await connections.close();
    server.closeAllConnections();
    server.close();
  });
  return connections;
}

const upstreamOf = async (listener: RequestListener): Promise<HttpUpstream> => new HttpUpstream(await connectionsTo(listener));

const ask = (limits: Partial<UpstreamRequest> = {}): UpstreamRequest => ({
  method: 'GET',
  path: '/',
  headers: [],
  body: null,
  headTimeoutMs: 60_000,
  idleTimeoutMs: 60_000,
  ...limits,
});

/** What a body comes to: its text, or the reason why it broke off. */
const bodyOf = ({ body }: UpstreamAnswer): Promise<string> =>
  new Promise((resolve) => {
    let text = '';
    body.start({ data: (chunk) => (text += chunk.toString()), end: () => resolve(text), fail: ({ reason }) => resolve(reason) });
  });

test('an upstream that sends no head in time is given up, and says so', async () => {
  const upstream = await upstreamOf(() => {});
  await expect(upstream.dispatch(ask({ headTimeoutMs: 300 })).answer).rejects.toMatchObject({ reason: 'head_timeout' });
});

test('an upstream that falls silent in the middle of its body is given up, and says so', async () => {
  const upstream = await upstreamOf((_request, response) => void response.write('half'));
  expect(await bodyOf(await upstream.dispatch(ask({ idleTimeoutMs: 300 })).answer)).toBe('idle_timeout');
});

test('an upstream that goes on is not, however long its body takes', async () => {
  let left = 12;
  const upstream = await upstreamOf((_request, response) => {
    const timer = setInterval(() => {
      response.write('.');
      if (--left > 0) return;
      clearInterval(timer);
      response.end();
    }, 100);
  });
  expect(await bodyOf(await upstream.dispatch(ask({ headTimeoutMs: 5_000, idleTimeoutMs: 1_000 })).answer)).toBe('.'.repeat(12));
});

test('a body that waits for us is not taken for a silent one', async () => {
  const upstream = await upstreamOf((_request, response) => {
    response.write('half');
    setTimeout(() => response.end(' and half'), 50);
  });
  const answer = await upstream.dispatch(ask({ idleTimeoutMs: 250 })).answer;
  const parts: string[] = [];
  await new Promise<void>((resolve, reject) => {
    answer.body.start({
      data(chunk) {
        parts.push(chunk.toString());
        if (parts.length > 1) return;
        answer.body.pause();
        setTimeout(() => answer.body.resume(), 1_500);
      },
      end: resolve,
      fail: reject,
    });
  });
  expect(parts.join('')).toBe('half and half');
});

test('accounts of one origin share its connections, and one that goes takes only its own requests along', async () => {
  const asked: (number | undefined)[] = [];
  const connections = await connectionsTo((request, response) => {
    asked.push(request.socket.remotePort);
    if (request.url === '/') response.end('done');
    else response.write('half');
  });
  const [one, other] = [new HttpUpstream(connections), new HttpUpstream(connections)];
  for (const upstream of [one, other, one]) expect(await bodyOf(await upstream.dispatch(ask()).answer)).toBe('done');
  expect(new Set(asked).size).toBe(1);

  const [ended, kept] = [await one.dispatch(ask({ path: '/slow' })).answer, await other.dispatch(ask({ path: '/slow', idleTimeoutMs: 300 })).answer];
  const bodies = [bodyOf(ended), bodyOf(kept)];
  await one.close();
  expect(await Promise.all(bodies)).toEqual(['connect', 'idle_timeout']);
  await expect(one.dispatch(ask()).answer).rejects.toMatchObject({ reason: 'connect' });
  expect(await bodyOf(await other.dispatch(ask()).answer)).toBe('done');
});
