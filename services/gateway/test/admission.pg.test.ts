import { connectSocket } from '@switchyard/testkit';
import { afterEach, expect, test } from 'vitest';
import { createKey } from '../src/index.ts';
import { KEY, openTestGateway, untilRows } from './open-test-gateway.ts';
import type { TestGateway } from './open-test-gateway.ts';

let gateway: TestGateway;
afterEach(() => gateway[Symbol.asyncDispose]());

const chat = { model: 'm', messages: [{ role: 'user', content: 'hello' }] };
const response = { model: 'm', input: 'hello' };
/** Shares of these: responses 3, compact 1, websocket 3, standard 2. */
const PLACES = 4;

/** Has every account hold what matches before it answers, until its gate is released. */
function hold(match: object = {}, gate = 'g'): void {
  for (const upstream of gateway.upstreams) upstream.script({ rules: [{ match, times: 'always', answer: { hold: { at: 'before_head', gate } } }] });
}

const release = (gate = 'g'): void => {
  for (const upstream of gateway.upstreams) upstream.release(gate);
};

async function until(metric: string, value: number): Promise<void> {
  while ((await gateway.metric(metric)) !== value) await new Promise((resolve) => setImmediate(resolve));
}

const inLane = (lane: string, count: number): Promise<void> => until(`switchyard_requests_in_flight{lane="${lane}"}`, count);
const waiting = (lane: string, count: number): Promise<void> => until(`switchyard_requests_waiting{lane="${lane}"}`, count);

/** Begins so many requests that are held by their account. */
async function fill(lane: 'responses' | 'compact' | 'standard', count: number): Promise<Promise<Response>[]> {
  const path = { responses: '/v1/chat/completions', compact: '/v1/responses/compact', standard: '/v1/embeddings' }[lane];
  const body = { responses: chat, compact: response, standard: { model: 'm', input: 'x' } }[lane];
  const asked = Array.from({ length: count }, () => gateway.ask(path, body));
  await inLane(lane, count);
  return asked;
}

async function refusalOf(answer: Response): Promise<object> {
  const { error } = (await answer.json()) as { error: { code: string; retryable: boolean } };
  return { status: answer.status, code: error.code, retryable: error.retryable, retryAfter: answer.headers.get('retry-after') };
}

const OVERLOADED = { status: 503, code: 'server_is_overloaded', retryable: true, retryAfter: '3' };

async function expectEmpty(): Promise<void> {
  await until('switchyard_requests_active', 0);
  for (const lane of ['responses', 'compact', 'websocket', 'standard']) {
    await inLane(lane, 0);
    await waiting(lane, 0);
  }
  expect(await gateway.metric('switchyard_upstream_in_flight')).toBe(0);
  expect(await gateway.metric('switchyard_leases_reclaimed_total')).toBe(0);
  expect(await gateway.metric('switchyard_request_body_bytes')).toBe(0);
}

test('a full lane is waited for, and in the end the client is told to come again in three seconds; no account was asked', async () => {
  gateway = await openTestGateway(1, {}, { active: PLACES });
  hold();
  const inside = await fill('responses', 3);
  const late = gateway.ask('/v1/chat/completions', chat);
  await waiting('responses', 1);
  gateway.skip(750);
  expect(await refusalOf(await late)).toEqual(OVERLOADED);
  expect(gateway.upstreams[0]!.received()).toHaveLength(3);
  release();
  for (const each of inside) expect((await each).status).toBe(200);
  const [row] = await untilRows<{ fault: string; outcome: string; attempts: number }>(
    gateway.pool,
    `select fault, outcome, attempts from gateway.request where fault is not null`,
    (rows) => rows.length === 1,
  );
  expect(row).toEqual({ fault: 'server_is_overloaded', outcome: 'refused', attempts: 0 });
  expect(await gateway.metric('switchyard_requests_shed_total{lane="responses",why="timed_out"}')).toBe(1);
  await expectEmpty();
});

test('a place that comes free in time is used, and the decision says how long it was waited for', async () => {
  gateway = await openTestGateway(1, {}, { active: PLACES });
  hold();
  const inside = await fill('responses', 3);
  const late = gateway.ask('/v1/chat/completions', chat);
  await waiting('responses', 1);
  gateway.skip(500);
  release();
  expect((await Promise.all([...inside, late])).map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  const rows = await untilRows<{ decision: { attempts: { waited_ms?: number }[] } }>(
    gateway.pool,
    'select decision from gateway.request where ended_at is not null order by id',
    ({ length }) => length === 4,
  );
  expect(rows.at(-1)!.decision.attempts[0]!.waited_ms).toBeGreaterThanOrEqual(500);
  expect(await gateway.metric('switchyard_admission_waits_total{lane="responses",result="admitted"}')).toBe(1);
  await expectEmpty();
});

test('a conversation that only its owner can continue passes a full lane', async () => {
  gateway = await openTestGateway(2, {}, { active: PLACES });
  const { id } = (await (await gateway.ask('/v1/responses', response)).json()) as { id: string };
  hold({ path: '/v1/chat/completions' });
  const inside = await fill('responses', 3);
  expect((await gateway.ask('/v1/responses', { ...response, previous_response_id: id })).status).toBe(200);
  release();
  await Promise.all(inside);
  await expectEmpty();
});

test('a client that leaves the queue costs nothing: no account is asked, and its place goes to the next', async () => {
  gateway = await openTestGateway(1, {}, { active: PLACES });
  hold();
  const inside = await fill('compact', 1);
  const leaving = new AbortController();
  const gone = gateway.ask('/v1/responses/compact', response, { signal: leaving.signal });
  await waiting('compact', 1);
  const next = gateway.ask('/v1/responses/compact', response);
  await waiting('compact', 2);
  leaving.abort();
  await expect(gone).rejects.toThrow();
  await waiting('compact', 1);
  release();
  expect([(await inside[0]!).status, (await next).status]).toEqual([200, 200]);
  expect(gateway.upstreams[0]!.received()).toHaveLength(2);
  await expectEmpty();
});

test('with all places taken a request is refused before its body is read', async () => {
  gateway = await openTestGateway(1, {}, { active: PLACES });
  hold();
  const inside = [...(await fill('responses', 3)), ...(await fill('standard', 1))];
  expect(await refusalOf(await gateway.ask('/v1/embeddings', 'this is not JSON'))).toEqual(OVERLOADED);
  release();
  await Promise.all(inside);
  await expectEmpty();
});

test('after a refusal compactions that are new are shed at once, and those of a conversation are not', async () => {
  gateway = await openTestGateway(2, {}, { active: 8 });
  const { id } = (await (await gateway.ask('/v1/responses', response, { headers: { 'session-id': 's1' } })).json()) as { id: string };
  hold({ path: '/v1/chat/completions' });
  const inside = await fill('responses', 6);
  const late = gateway.ask('/v1/chat/completions', chat);
  await waiting('responses', 1);
  gateway.skip(750);
  await late;

  expect(await gateway.metric('switchyard_pressure{sign="refused"}')).toBe(1);
  expect(await refusalOf(await gateway.ask('/v1/responses/compact', response))).toEqual(OVERLOADED);
  expect((await gateway.ask('/v1/responses/compact', { ...response, previous_response_id: id })).status).toBe(200);
  expect((await gateway.ask('/v1/responses/compact', response, { headers: { 'session-id': 's1' } })).status).toBe(200);
  expect((await gateway.ask('/v1/embeddings', { model: 'm', input: 'x' })).status).toBe(200);
  expect(await gateway.metric('switchyard_requests_shed_total{lane="compact",why="pressure"}')).toBe(1);

  gateway.skip(3_000);
  await until('switchyard_pressure{sign="refused"}', 0);
  expect((await gateway.ask('/v1/responses/compact', response)).status).toBe(200);
  release();
  await Promise.all(inside);
  await expectEmpty();
});

test('a key that floods fills its own share and is told so; other keys are served as ever (B22)', async () => {
  gateway = await openTestGateway(1, {}, { active: 16 });
  const { key: other } = await createKey(gateway.gateway.control, { name: 'other', models: null, accounts: null });
  const asOther = { headers: { authorization: `Bearer ${other}` } };
  hold({ path: '/v1/chat/completions' });
  const flood = await fill('responses', 8);
  for (let i = 0; i < 20; i++)
    expect(await refusalOf(await gateway.ask('/v1/chat/completions', chat))).toEqual({
      status: 429,
      code: 'rate_limit_exceeded',
      retryable: true,
      retryAfter: '3',
    });
  for (let i = 0; i < 20; i++) expect((await gateway.ask('/v1/responses', response, asOther)).status).toBe(200);
  expect(await gateway.metric('switchyard_requests_shed_total{lane="responses",why="key_full"}')).toBe(20);
  release();
  for (const each of flood) expect((await each).status).toBe(200);
  await expectEmpty();
});

test('turns on WebSockets wait for places of their lane, are refused in a frame, and the socket stays', async () => {
  await using closing = new AsyncDisposableStack();
  // As many sockets as half of all places, so that there is one more than the lane has.
  gateway = await openTestGateway(1, { SWITCHYARD_ADMISSION_WEBSOCKET_PERCENT: '40' }, { active: 8 });
  const clients = [];
  for (let i = 0; i < 4; i++) clients.push(closing.use(await connectSocket(gateway.url, { authorization: `Bearer ${KEY}` })));
  gateway.upstreams[0]!.script({ rules: [{ match: { transport: 'socket' }, times: 3, answer: { hold: { at: 'before_head', gate: 'g' } } }] });
  for (const client of clients.slice(0, 3)) client.create({ input: 'hello' });
  await inLane('websocket', 3);
  const last = clients[3]!;
  last.create({ input: 'late' });
  await waiting('websocket', 1);
  gateway.skip(750);
  expect(await last.next('error')).toMatchObject({
    status: 503,
    headers: { 'retry-after': '3' },
    error: { code: 'server_is_overloaded', retryable: true },
  });

  last.create({ input: 'again' });
  await waiting('websocket', 1);
  release();
  for (const client of clients) await client.next('response.completed');
  await expectEmpty();
});

test('a client that vanishes while its turn waits is out of the line', async () => {
  await using closing = new AsyncDisposableStack();
  gateway = await openTestGateway(1, { SWITCHYARD_ADMISSION_WEBSOCKET_PERCENT: '1' }, { active: PLACES });
  const [first, second] = [
    closing.use(await connectSocket(gateway.url, { authorization: `Bearer ${KEY}` })),
    closing.use(await connectSocket(gateway.url, { authorization: `Bearer ${KEY}` })),
  ];
  gateway.upstreams[0]!.script({ rules: [{ match: { transport: 'socket' }, answer: { hold: { at: 'before_head', gate: 'g' } } }] });
  first.create({ input: 'hello' });
  await inLane('websocket', 1);
  second.create({ input: 'late' });
  await waiting('websocket', 1);
  second.ws.terminate();
  await waiting('websocket', 0);
  release();
  await first.next('response.completed');
  expect(gateway.upstreams[0]!.received().filter(({ socket }) => socket !== null)).toHaveLength(1);
  await expectEmpty();
});

test('those who wait when the server stops are refused or cut, and nothing is left', async () => {
  gateway = await openTestGateway(1, {}, { active: PLACES });
  hold();
  const inside = await fill('compact', 1);
  const late = gateway.ask('/v1/responses/compact', response).then(
    ({ status }) => status,
    () => 'cut',
  );
  await waiting('compact', 1);
  const ends = Promise.allSettled(inside);
  expect(await gateway.gateway.drain(0)).toBe(2);
  expect((await ends).map(({ status }) => status)).toEqual(['rejected']);
  expect(await late).toBe('cut');
  await expectEmpty();
});

test('readiness says which lane no account takes, and is back when the account is', async () => {
  gateway = await openTestGateway(1);
  const ready = async (): Promise<object> => {
    const response = await gateway.ask('/readyz');
    return { code: response.status, ...((await response.json()) as object) };
  };
  const lanes = { responses: 'ready', compact: 'ready', websocket: 'ready', standard: 'ready' };
  expect(await ready()).toEqual({ code: 200, status: 'ready', lanes, degraded: [], next_actions: {} });
  gateway.upstreams[0]!.script({ rules: [{ answer: { preset: '500' } }] });
  await (await gateway.ask('/v1/chat/completions', chat)).text();
  expect(await ready()).toEqual({
    code: 503,
    status: 'not_ready',
    lanes: { ...lanes, responses: 'not_ready' },
    degraded: [],
    next_actions: { not_ready: expect.stringContaining('switchyard accounts list') as string },
  });
  // It is tried all the same: there is no other.
  expect((await gateway.ask('/v1/chat/completions', chat)).status).toBe(200);
  expect(await ready()).toMatchObject({ code: 200 });
});
