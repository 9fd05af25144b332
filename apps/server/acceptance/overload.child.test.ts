import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { preparedHome } from '@switchyard/testkit/prepared-home';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { KEY, cli, startServer, startUpstream, until } from './harness.ts';
import type { Server, Upstream } from './harness.ts';
import { hasTerminalEvent, openStreams } from './open-streams.ts';

// More work than there are places, and a server that stood still for a while: fault rows B22 and C13.

const PATIENCE_MS = 120_000;
/** Shares of these: 12 for responses and chat, 8 for one key beside others. */
const PLACES = 16;
const IDLE_MS = 1_000;

const opened = new AsyncDisposableStack();
let server: Server;
let upstream: Upstream;
let other: string;

beforeAll(async () => {
  const home = opened.use(await preparedHome()).path;
  upstream = opened.use(await startUpstream());
  const account = `[[accounts]]\nname = "a1"\nkind = "openai-compatible"\nbase_url = "${upstream.url}/v1"\nmodels = ["quick", "held"]\n`;
  await writeFile(join(home, 'switchyard.toml'), account, { mode: 0o600 });
  server = opened.use(
    await startServer(home, {
      SWITCHYARD_LIMITS_ACTIVE_REQUESTS: String(PLACES),
      SWITCHYARD_UPSTREAM_IDLE_TIMEOUT_MS: String(IDLE_MS * 60),
      SWITCHYARD_LIMITS_STALLED_CLIENT_MS: String(IDLE_MS),
      SWITCHYARD_LIMITS_HEADER_TIMEOUT_MS: String(IDLE_MS),
      SWITCHYARD_LIMITS_BODY_TIMEOUT_MS: String(IDLE_MS),
    }),
  );
  const made = await cli(home, ['keys', 'create', '--name', 'other', '--json']);
  other = (JSON.parse(made.stdout) as { key: string }).key;
}, PATIENCE_MS);
afterAll(() => opened.disposeAsync());

/** Has the upstream hold every stream after its second event until the gate opens. */
async function hold(gate: string): Promise<void> {
  await upstream.clearScript();
  await upstream.script({ rules: [{ match: { model: 'held' }, times: 'always', answer: { hold: { at: 2, gate } } }] });
}

const chat = (model: string): object => ({ model, messages: [{ role: 'user', content: 'hello' }] });
const inFlight = (count: number): Promise<number> =>
  until(
    () => server.metric('switchyard_requests_in_flight{lane="responses"}'),
    (n) => n === count,
  );
const ask = (key: string, body: object): Promise<Response> => server.ask('/v1/chat/completions', body, { headers: { authorization: `Bearer ${key}` } });

async function expectEmpty(): Promise<void> {
  await until(
    () => server.metric('switchyard_requests_active'),
    (n) => n === 0,
  );
  await inFlight(0);
  expect(await server.metric('switchyard_upstream_in_flight')).toBe(0);
  expect(await server.metric('switchyard_request_body_bytes')).toBe(0);
  expect(await server.metric('switchyard_leases_reclaimed_total')).toBe(0);
}

test('with its lane full a request waits, is told to come again in three seconds, and comes in when there is room', { timeout: PATIENCE_MS }, async () => {
  await hold('lane');
  const mine = openStreams(server.url, KEY, Array(8).fill('held'));
  const theirs = openStreams(server.url, other, Array(4).fill('held'));
  await Promise.all([mine.begun, theirs.begun]);
  await inFlight(12);
  const startedMs = performance.now();
  const refused = await ask(other, chat('quick'));
  expect(performance.now() - startedMs).toBeGreaterThan(700);
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '3']);
  expect(await refused.json()).toMatchObject({ error: { code: 'server_is_overloaded', retryable: true } });

  await upstream.release('lane');
  await Promise.all([mine.ended, theirs.ended]);
  expect([...mine.all, ...theirs.all].map(({ ended }) => ended)).toEqual(Array(12).fill('whole'));
  expect((await ask(other, chat('quick'))).status).toBe(200);
  await expectEmpty();
});

test('a key that floods is refused for itself, and the other is served as if it were alone (B22)', { timeout: PATIENCE_MS }, async () => {
  await hold('flood');
  const streams = openStreams(server.url, KEY, Array(8).fill('held'));
  await streams.begun;
  let isOver = false;
  const statuses: Record<number, number> = {};
  const flood = Array.from({ length: 20 }, async () => {
    while (!isOver) {
      const answer = await ask(KEY, chat('quick'));
      statuses[answer.status] = (statuses[answer.status] ?? 0) + 1;
      expect(answer.headers.get('retry-after')).toBe('3');
      await answer.text();
    }
  });
  for (let i = 0; i < 50; i++) expect((await ask(other, chat('quick'))).status).toBe(200);
  isOver = true;
  await Promise.all(flood);
  expect(Object.keys(statuses)).toEqual(['429']);
  await upstream.release('flood');
  await streams.ended;
  await expectEmpty();
});

test(
  'a server that stood still beyond every deadline refuses what has waited too long, and goes on with the rest (C13)',
  { timeout: PATIENCE_MS },
  async () => {
    await upstream.reset();
    await hold('still');
    const streams = openStreams(server.url, KEY, Array(8).fill('held'));
    const more = openStreams(server.url, other, Array(4).fill('held'));
    await Promise.all([streams.begun, more.begun]);
    await inFlight(12);
    const waiting = ask(other, chat('quick'));
    await until(
      () => server.metric('switchyard_requests_waiting{lane="responses"}'),
      (n) => n === 1,
    );
    server.child.kill('SIGSTOP');
    await new Promise((resolve) => setTimeout(resolve, 3 * IDLE_MS));
    server.child.kill('SIGCONT');

    expect((await waiting).status).toBe(503);
    await upstream.release('still');
    await Promise.all([streams.ended, more.ended]);
    for (const stream of [...streams.all, ...more.all]) expect([stream.ended, hasTerminalEvent(stream)]).toEqual(['whole', true]);
    const received = (await upstream.received()).filter(({ path }) => path !== '/v1/models');
    expect(received).toHaveLength(12); // nothing was sent twice, and what was refused not at all
    expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
    expect((await ask(KEY, chat('quick'))).status).toBe(200);
    await expectEmpty();
  },
);
