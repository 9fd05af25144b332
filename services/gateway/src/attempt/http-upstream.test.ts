import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { RequestListener } from 'node:http';
import { expect, onTestFinished, test } from 'vitest';
import type { UpstreamAnswer, UpstreamRequest } from '@switchyard/contracts';
import { HttpUpstream } from './http-upstream.ts';

async function upstreamOf(listener: RequestListener): Promise<HttpUpstream> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const upstream = new HttpUpstream({ origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, connectTimeoutMs: 5_000 });
  onTestFinished(async () => {
    await upstream.close();
    server.closeAllConnections();
    server.close();
  });
  return upstream;
}

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
