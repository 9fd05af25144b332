import { connectSocket } from '@switchyard/testkit';
import { afterEach, expect, test } from 'vitest';
import { KEY, openTestGateway, untilRows } from './open-test-gateway.ts';
import type { TestGateway } from './open-test-gateway.ts';

// Accounts that have as many requests as they may: product section 5.

let gateway: TestGateway;
afterEach(() => gateway[Symbol.asyncDispose]());

const chat = { model: 'm', messages: [{ role: 'user', content: 'hello' }] };

/** Has accounts hold chats before they answer, each until its own gate is released. */
function hold(): void {
  for (const [i, upstream] of gateway.upstreams.entries())
    upstream.script({ rules: [{ match: { path: '/v1/chat/completions' }, times: 'always', answer: { hold: { at: 'before_head', gate: `g${i}` } } }] });
}

const release = (i = 0): void => gateway.upstreams[i]!.release(`g${i}`);
const open = (i = 0): number => gateway.upstreams[i]!.counters().open;

async function until(metric: string, value: number): Promise<void> {
  while ((await gateway.metric(metric)) !== value) await new Promise((resolve) => setImmediate(resolve));
}
const inFlight = (count: number): Promise<void> => until('switchyard_upstream_in_flight', count);
const waiting = (count: number): Promise<void> => until('switchyard_account_waiting', count);

async function fill(count: number): Promise<Promise<Response>[]> {
  const asked = Array.from({ length: count }, () => gateway.ask('/v1/chat/completions', chat));
  await inFlight(count);
  return asked;
}

const attemptsOf = async (response: Response) => {
  const id = response.headers.get('x-switchyard-request-id')!;
  const sql = `select decision from gateway.request where id = '${id}' and ended_at is not null`;
  const [row] = await untilRows<{ decision: { attempts: { account: string; chosen_by: string; waited_ms?: number; in_flight: number }[] } }>(
    gateway.pool,
    sql,
    ({ length }) => length === 1,
  );
  return row!.decision.attempts;
};

async function expectOverloaded(response: Response): Promise<void> {
  expect([response.status, response.headers.get('retry-after')]).toEqual([503, '3']);
  expect(await response.json()).toMatchObject({ error: { code: 'server_is_overloaded', retryable: true } });
}

async function expectEmpty(): Promise<void> {
  await until('switchyard_requests_active', 0);
  await inFlight(0);
  await waiting(0);
}

test('who comes when all accounts are full waits, and gets the first place that comes free', async () => {
  gateway = await openTestGateway(2, {}, { perAccount: 2 });
  hold();
  const inside = await fill(4);
  const late = gateway.ask('/v1/chat/completions', chat);
  await waiting(1);
  expect([open(0), open(1)]).toEqual([2, 2]);
  gateway.skip(300);
  release(1);
  const response = await late;
  expect([response.status, response.headers.get('x-switchyard-account')]).toEqual([200, 'b']);
  expect(await attemptsOf(response)).toMatchObject([{ account: 'b', chosen_by: 'freed', in_flight: 1 }]);
  expect((await attemptsOf(response))[0]!.waited_ms).toBeGreaterThanOrEqual(300);
  release(0);
  for (const each of inside) expect((await each).status).toBe(200);
  await expectEmpty();
});

test('who waits in vain is told to come again, and no account was asked', async () => {
  gateway = await openTestGateway(1, {}, { perAccount: 1 });
  hold();
  const inside = await fill(1);
  const late = gateway.ask('/v1/chat/completions', chat);
  await waiting(1);
  gateway.skip(750);
  await expectOverloaded(await late);
  expect(gateway.upstreams[0]!.received()).toHaveLength(1);
  expect(await gateway.metric('switchyard_requests_shed_total{lane="responses",why="account_full"}')).toBe(1);
  // It is one account's trouble, not the server's.
  expect(await gateway.metric('switchyard_pressure{sign="refused"}')).toBe(0);
  release();
  await Promise.all(inside);
  await expectEmpty();
});

test('a conversation waits for its owner, however free another account is, and is refused without it', async () => {
  gateway = await openTestGateway(2, {}, { perAccount: 1 });
  const first = await gateway.ask('/v1/responses', { model: 'm', input: 'hello' });
  expect(first.headers.get('x-switchyard-account')).toBe('a');
  const { id } = (await first.json()) as { id: string };
  const goOn = (): Promise<Response> => gateway.ask('/v1/responses', { model: 'm', input: 'more', previous_response_id: id });
  hold();
  const inside = await fill(2); // one each; then b is let go
  release(1);
  await inFlight(1);

  const refused = goOn();
  await waiting(1);
  gateway.skip(750);
  await expectOverloaded(await refused);
  const served = goOn();
  await waiting(1);
  release(0);
  const response = await served;
  expect([response.status, response.headers.get('x-switchyard-account')]).toEqual([200, 'a']);
  expect(await attemptsOf(response)).toMatchObject([{ account: 'a', chosen_by: 'owner' }]);
  expect(gateway.upstreams[1]!.received()).toHaveLength(1);
  await Promise.all(inside);
  await expectEmpty();
});

test('a client that leaves while it waits takes no place, also when one comes free in the same moment', async () => {
  gateway = await openTestGateway(1, {}, { perAccount: 1 });
  hold();
  const inside = await fill(1);
  const leaving = new AbortController();
  const gone = gateway.ask('/v1/chat/completions', chat, { signal: leaving.signal });
  await waiting(1);
  leaving.abort();
  release();
  await expect(gone).rejects.toThrow();
  await Promise.all(inside);
  expect((await gateway.ask('/v1/chat/completions', chat)).status).toBe(200);
  await expectEmpty();
});

test('turns on WebSockets wait for places of accounts too', async () => {
  await using closing = new AsyncDisposableStack();
  gateway = await openTestGateway(1, {}, { perAccount: 1 });
  const [first, second] = [
    closing.use(await connectSocket(gateway.url, { authorization: `Bearer ${KEY}` })),
    closing.use(await connectSocket(gateway.url, { authorization: `Bearer ${KEY}` })),
  ];
  gateway.upstreams[0]!.script({ rules: [{ match: { transport: 'socket' }, answer: { hold: { at: 'before_head', gate: 'g0' } } }] });
  first.create({ input: 'hello' });
  await inFlight(1);
  second.create({ input: 'late' });
  await waiting(1);
  gateway.skip(750);
  expect(await second.next('error')).toMatchObject({ status: 503, headers: { 'retry-after': '3' }, error: { code: 'server_is_overloaded' } });
  second.create({ input: 'again' });
  await waiting(1);
  release();
  await first.next('response.completed');
  await second.next('response.completed');
  await expectEmpty();
});
