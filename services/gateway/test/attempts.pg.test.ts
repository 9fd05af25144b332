import { expect, afterEach, test } from 'vitest';
import { openTestGateway, untilRows } from './open-test-gateway.ts';
import type { TestGateway } from './open-test-gateway.ts';

// What happens before commit, with real upstreams: product section 2, fault rows A02, A04, A05, A06, A07 and A16.

let gateway: TestGateway;
afterEach(() => gateway[Symbol.asyncDispose]());

const chat = { model: 'm', messages: [{ role: 'user', content: 'hello' }] };
const quota = {
  status: 429,
  headers: { 'retry-after': '7200', 'x-codex-primary-used-percent': '100' },
  body: { error: { type: 'usage_limit_reached', message: 'Out.' } },
};

interface Owned {
  readonly id: string;
  readonly owner: number;
  readonly other: number;
}

/** Begins a conversation; tells which of two upstreams owns it. */
async function begin(): Promise<Owned> {
  const response = await gateway.ask('/v1/responses', { model: 'm', input: 'first' });
  const { id } = (await response.json()) as { id: string };
  const owner = response.headers.get('x-switchyard-account') === 'a' ? 0 : 1;
  return { id, owner, other: 1 - owner };
}

const goOn = ({ id }: Owned, more: object = {}): Promise<Response> =>
  gateway.ask('/v1/responses', { model: 'm', input: 'next', previous_response_id: id, ...more });
const received = (i: number): number => gateway.upstreams[i]!.counters().received;

/** The decision of an answered request, as `switchyard why` gets it. */
async function decisionOf(response: Response): Promise<{ attempts: Record<string, unknown>[]; stopped_by?: string }> {
  const id = response.headers.get('x-switchyard-request-id')!;
  const [row] = await untilRows<{ decision: { attempts: Record<string, unknown>[]; stopped_by?: string } }>(
    gateway.pool,
    `select decision from gateway.request where id = '${id}' and ended_at is not null`,
    (rows) => rows.length === 1,
  );
  return row!.decision;
}

test('an owner that fails twice answers at the third try, and nobody else is asked', async () => {
  gateway = await openTestGateway(2);
  const owned = await begin();
  const before = received(owned.other);
  gateway.upstreams[owned.owner]!.script({ rules: [{ times: 2, answer: { preset: '503' } }] });
  const response = await goOn(owned);
  expect([response.status, received(owned.other) - before, received(owned.owner)]).toEqual([200, 0, 4]);
  const { attempts } = await decisionOf(response);
  expect(attempts.map(({ chosen_by, policy, verdict }) => [chosen_by, policy, verdict])).toEqual([
    ['owner', 'server_error', 'same_account'],
    ['owner_again', 'server_error', 'same_account'],
    ['owner_again', undefined, 'relayed'],
  ]);
  expect(attempts.slice(1).map(({ waited_ms }, n) => (waited_ms as number) >= [75, 200][n]! - 1)).toEqual([true, true]);
});

test('an owner that cannot be reached at all is 502 after four tries, keeps its conversation, and serves it again', async () => {
  gateway = await openTestGateway(2);
  const owned = await begin();
  gateway.upstreams[owned.owner]!.script({ rules: [{ times: 4, answer: { cut: { at: 'before_head', how: 'reset' } } }] });
  const response = await goOn(owned);
  expect(response.status).toBe(502);
  expect(await response.json()).toMatchObject({ error: { code: 'upstream_unreachable', retryable: true } });
  expect([received(owned.owner), received(owned.other)]).toEqual([5, 0]);
  expect((await goOn(owned)).status).toBe(200);
  expect(received(owned.other)).toBe(0);
});

test('the quota of an owner comes through byte for byte, and from then on the gateway says it for the owner', async () => {
  gateway = await openTestGateway(2);
  const owned = await begin();
  gateway.upstreams[owned.owner]!.script({ rules: [{ times: 'always', answer: quota }] });
  const told = await goOn(owned);
  expect([told.status, told.headers.get('retry-after'), await told.text()]).toEqual([429, '7200', JSON.stringify(quota.body)]);

  const refused = await goOn(owned);
  expect(refused.status).toBe(429);
  const waitS = Number(refused.headers.get('retry-after'));
  expect(waitS).toBeGreaterThan(7_100);
  const { error } = (await refused.json()) as { error: { resets_at: number } };
  expect(error).toMatchObject({ type: 'usage_limit_reached', code: 'owner_unavailable', retryable: true });
  expect(Math.abs(error.resets_at - Date.now() / 1_000 - waitS)).toBeLessThan(5);
  expect([received(owned.owner), received(owned.other)]).toEqual([2, 0]);
  const [row] = await untilRows<{ fault: string }>(
    gateway.pool,
    `select fault from gateway.request where id = '${refused.headers.get('x-request-id')}' and ended_at is not null`,
    (rows) => rows.length === 1,
  );
  expect(row!.fault).toBe('owner_exhausted');
  // A conversation of nobody goes on elsewhere.
  expect((await gateway.ask('/v1/responses', { model: 'm', input: 'new' })).status).toBe(200);
});

test('a chain that its owner does not know is asked for once more there, and then the owner’s answer is the client’s', async () => {
  gateway = await openTestGateway(2);
  const owned = await begin();
  const unknown = { preset: 'previous_response_not_found' };
  gateway.upstreams[owned.owner]!.script({ rules: [{ answer: unknown }] });
  expect((await goOn(owned)).status).toBe(200);
  gateway.upstreams[owned.owner]!.script({ rules: [{ times: 2, answer: unknown }] });
  const response = await goOn(owned);
  expect(await response.json()).toMatchObject({ error: { code: 'previous_response_not_found' } });
  expect([response.status, received(owned.owner), received(owned.other)]).toEqual([400, 5, 0]);
  expect((await decisionOf(response)).attempts.map(({ policy }) => policy)).toEqual(['response_not_found', 'response_not_found']);
});

test('a client that leaves while the owner is being waited for costs no further try', async () => {
  gateway = await openTestGateway(2);
  const owned = await begin();
  gateway.upstreams[owned.owner]!.script({ rules: [{ times: 'always', answer: { preset: '503' } }] });
  const leaving = new AbortController();
  const asking = gateway.ask('/v1/responses', { model: 'm', input: 'next', previous_response_id: owned.id }, { signal: leaving.signal });
  // Three refusals are behind it, and half a second lies before the next try.
  await gateway.upstreams[owned.owner]!.until(({ completed }) => completed === 4);
  leaving.abort();
  await expect(asking).rejects.toThrow();
  await untilRows(gateway.pool, "select 1 from gateway.request where outcome = 'client_left'", (rows) => rows.length === 1);
  expect(received(owned.owner)).toBe(4);
  expect(await gateway.metric('switchyard_upstream_in_flight')).toBe(0);
  expect(await gateway.metric('switchyard_retries_in_progress')).toBe(0);
});

test.each(['failed_server_is_overloaded', 'failed_rate_limit_exceeded', 'error_event'])(
  'a stream that begins with %s is another account’s, and the client sees one answer',
  async (preset) => {
    gateway = await openTestGateway(2);
    gateway.upstreams[0]!.script({ rules: [{ times: 'always', answer: { preset, say: {} } }] });
    const response = await gateway.ask('/v1/responses', { model: 'm', input: 'hello', stream: true });
    const text = await response.text();
    expect([response.status, response.headers.get('x-switchyard-account')]).toEqual([200, 'b']);
    expect(text).toContain('response.completed');
    expect(text).not.toMatch(/response\.failed|"error":\{/);
    expect(text.match(/event: response\.created/g)).toHaveLength(1);
    expect(gateway.upstreams.map((upstream) => upstream.counters().received)).toEqual([1, 1]);
    const { attempts } = await decisionOf(response);
    expect(attempts).toMatchObject([
      { account: 'a', status: 200, verdict: 'next_account' },
      { account: 'b', verdict: 'relayed' },
    ]);
    expect(attempts[0]!['policy']).toBe(preset === 'failed_rate_limit_exceeded' ? 'quota' : preset === 'error_event' ? 'server_error' : 'overloaded');
  },
);

test('the same after a word has been said passes through as it came, and nobody else is asked', async () => {
  gateway = await openTestGateway(2);
  for (const preset of ['failed_server_is_overloaded', 'failed_rate_limit_exceeded']) {
    const before = received(0) + received(1);
    for (const upstream of gateway.upstreams) upstream.script({ rules: [{ answer: { preset } }] });
    const text = await (await gateway.ask('/v1/responses', { model: 'm', input: 'hello', stream: true })).text();
    expect(text).toContain('event: response.output_text.delta');
    expect(text).toContain('event: response.failed');
    expect(received(0) + received(1) - before).toBe(1);
  }
});

test('a stream that says nothing for a second is the client’s, with what it has said', async () => {
  gateway = await openTestGateway(2);
  for (const upstream of gateway.upstreams) upstream.script({ rules: [{ answer: { hold: { at: 2, gate: 'go' } } }] });
  const response = await gateway.ask('/v1/responses', { model: 'm', input: 'slow', stream: true });
  const reader = response.body!.getReader();
  expect(Buffer.from((await reader.read()).value!).toString()).toContain('event: response.in_progress');
  expect(await gateway.metric('switchyard_look_aheads_total{ended="time"}')).toBe(1);
  for (const upstream of gateway.upstreams) upstream.release('go');
  let text = '';
  for (let part = await reader.read(); !part.done; part = await reader.read()) text += Buffer.from(part.value).toString();
  expect(text).toContain('response.completed');
  expect(received(0) + received(1)).toBe(1);
});

test('under load with every account failing the trouble is not multiplied', async () => {
  gateway = await openTestGateway(3);
  for (const upstream of gateway.upstreams) upstream.script({ rules: [{ times: 'always', answer: { preset: '503' } }] });
  const CLIENTS = 100;
  const EACH = 10;
  let requests = 0;
  const startedMs = performance.now();
  const client = async (): Promise<void> => {
    for (let i = 0; i < EACH; i++) {
      const response = await gateway.ask('/v1/chat/completions', chat);
      requests++;
      expect(response.status).toBe(503);
      await response.text();
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  const attempts = gateway.upstreams.reduce((sum, upstream) => sum + upstream.counters().received, 0);
  expect(requests).toBe(CLIENTS * EACH);
  expect(attempts).toBeGreaterThan(requests);
  // Twenty-four more, and three a second, are what a server without traffic has.
  expect(attempts).toBeLessThanOrEqual(1.2 * requests + 24 + (3 * (performance.now() - startedMs)) / 1_000);
  expect(await gateway.metric('switchyard_retries_refused_total')).toBeGreaterThan(0);
  expect(await gateway.metric('switchyard_retries_in_progress')).toBe(0);
}, 60_000);
