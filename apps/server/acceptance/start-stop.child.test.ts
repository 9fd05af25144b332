import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { makeHome, startServer, until } from './harness.ts';

// The two ends of a server's life, as the person sees them who starts and stops it.

/** A port that another program has. */
async function busyPort(): Promise<{ readonly port: number } & AsyncDisposable> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { port: (server.address() as AddressInfo).port, [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())) };
}

test('a first start that finds its port busy makes no key; the next one shows it', { timeout: 60_000 }, async () => {
  await using home = await makeHome();
  await using busy = await busyPort();
  const noKey = { SWITCHYARD_BOOTSTRAP_KEY: '' };
  await expect(startServer(home.path, { ...noKey, SWITCHYARD_PORT: String(busy.port) })).rejects.toThrow(`Port ${busy.port} on 127.0.0.1 is in use`);
  await using server = await startServer(home.path, noKey);
  const [, key] = (await until(
    async () => /shown only now: +(\S+)/.exec(server.stderr()),
    (found) => found !== null,
  ))!;
  expect((await fetch(`${server.url}/v1/models`, { headers: { authorization: `Bearer ${key}` } })).status).toBe(200);
});
