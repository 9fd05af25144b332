import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { preparedHome } from '@switchyard/testkit/prepared-home';
import { temporaryHome } from '@switchyard/testkit/temporary-home';
import { expect, test } from 'vitest';
import { KEY, addAccount, startServer, startUpstream, until } from './harness.ts';
import { openStreams } from './open-streams.ts';

// The two ends of a server's life, as the person sees them who starts and stops it.

/** A port that another program has. */
async function busyPort(): Promise<{ readonly port: number } & AsyncDisposable> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { port: (server.address() as AddressInfo).port, [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())) };
}

test('a first start that finds its port busy makes no key; the next one shows it', { timeout: 120_000 }, async () => {
  await using home = await temporaryHome();
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

test('a stop says once what it waits for, takes signals that come together as one, and cuts off at the next', { timeout: 120_000 }, async () => {
  await using home = await preparedHome();
  await using upstream = await startUpstream();
  await upstream.script({ rules: [{ times: 'always', answer: { hold: { at: 2 } } }] });
  await using server = await startServer(home.path, { SHUTDOWN_DRAIN_TIMEOUT_SECS: '600' });
  await addAccount(server, upstream, 'a1', ['stays']);
  const stream = openStreams(server.url, KEY, ['stays']);
  await stream.begun;

  for (let i = 0; i < 3; i++) server.child.kill('SIGINT');
  await until(
    async () => server.stderr(),
    (text) => /^ {2}Stopping: 1 request may run up to 600 s more; Ctrl-C again cuts it off\.$/m.test(text),
  );
  expect((await upstream.counters()).open).toBe(1);

  let ended = false;
  void stream.ended.then(() => (ended = true));
  await until(
    async () => server.child.kill('SIGINT'),
    () => ended,
  );
  expect(await server.end()).toEqual({ code: 0, signal: null });
  expect(server.stderr().match(/server_stopping/g)).toHaveLength(1);
  expect(server.stderr()).toMatch(/requests_cut_off.*"count":1/);
});
