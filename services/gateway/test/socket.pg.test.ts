import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Behaviour } from '@switchyard/simulator';
import { connectSocket } from '@switchyard/testkit';
import type { SocketClient } from '@switchyard/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';
import { addAccount, createKey, draftOf, endKey, removeAccount } from '../src/index.ts';
import { KEY, openTestGateway, untilRows } from './open-test-gateway.ts';
import type { TestGateway } from './open-test-gateway.ts';

type Frame = SocketClient['frames'][number];
interface Row {
  readonly id: string;
  readonly lane: string;
  readonly surface: string;
  readonly outcome: string;
  readonly status: number | null;
  readonly fault: string | null;
  readonly stream: boolean;
  readonly attempts: number;
  readonly account: string | null;
  readonly response_id: string | null;
  readonly input_tokens: number | null;
  readonly decision: { readonly attempts: readonly { readonly account: string; readonly chosen_by: string; readonly verdict: string }[] } | null;
}

const AUTH = { authorization: `Bearer ${KEY}` };
const idOf = (frame: Frame): string => (frame['response'] as { id: string }).id;
const textOf = (frame: Frame): unknown => (frame['response'] as { output: { content: { text: string }[] }[] }).output[0]?.content[0]?.text;

let opened: AsyncDisposableStack;
let gateway: TestGateway;

async function open(accounts = 1, settings: Readonly<Record<string, string>> = {}): Promise<TestGateway> {
  gateway = opened.use(await openTestGateway(accounts, settings));
  return gateway;
}

async function connect(headers: Readonly<Record<string, string>> = AUTH): Promise<SocketClient> {
  return opened.use(await connectSocket(gateway.url, headers));
}

/** The finished rows of the request log, oldest first. */
function rows(count: number): Promise<Row[]> {
  const sql = `select r.*, a.name as account from gateway.request r left join gateway.account a on a.id = r.account_id where ended_at is not null order by r.id`;
  return untilRows<Row>(gateway.pool, sql, (found) => found.length >= count);
}

const upstream = (n = 0) => gateway.upstreams[n]!;
const socketsOf = (n = 0): (number | null)[] =>
  upstream(n)
    .received()
    .map(({ socket }) => socket);

/** More than the system keeps of a connection on this machine. */
const MUCH = 'x'.repeat(24 * 1_048_576);

/** An account that is asked before all others, whose end of each socket is the test's. @param verifyClient  Lets a socket in, as `ws` has it. @returns the next socket that is opened to it */
async function linkByHand(verifyClient?: (upgrade: object, letIn: (may: boolean) => void) => void): Promise<() => Promise<WebSocket>> {
  const server = new WebSocketServer({
    server: createServer().listen(0, '127.0.0.1'),
    maxPayload: 2 ** 28,
    ...(verifyClient === undefined ? {} : { verifyClient }),
  });
  const http = server.options.server!;
  await new Promise((resolve) => http.once('listening', resolve));
  opened.defer(async () => {
    for (const each of server.clients) each.terminate();
    await new Promise((resolve) => http.close(resolve));
  });
  const address = `http://127.0.0.1:${(http.address() as AddressInfo).port}/v1`;
  const draft = draftOf({ name: 'by-hand', kind: 'openai-compatible', base_url: address, models: ['m'], priority: 1, websocket: true });
  await addAccount(gateway.gateway.control, draft);
  return () => new Promise((resolve) => server.once('connection', resolve));
}

/** Lets the clock run until a socket has been closed for this. @param stepMs  For each look of the gateway at the clock, or two */
async function closedWhileSkipping(why: string, stepMs: number): Promise<void> {
  const closed = (): Promise<number> => {
    gateway.skip(stepMs);
    return gateway.metric(`switchyard_sockets_closed_total{why="${why}"}`);
  };
  await expect.poll(closed, { interval: 300, timeout: 20_000 }).toBe(1);
}

beforeEach(() => {
  opened = new AsyncDisposableStack();
});
afterEach(() => opened.disposeAsync());

describe('turns over one socket', () => {
  test('a warm-up and two turns go over one upstream socket, each with its own row, and every frame is as it was', async () => {
    await open();
    const client = await connect();
    client.create({ generate: false, input: 'the word is heron' });
    const warm = await client.next('response.completed');
    client.create({ previous_response_id: idOf(warm), input: 'what was it' });
    const first = await client.next('response.completed');
    expect(textOf(first)).toBe('You said: what was it');
    client.create({ previous_response_id: idOf(first), input: 'once more' });
    const second = await client.next('response.completed');

    expect(socketsOf()).toEqual([1, 1, 1]);
    const found = await rows(3);
    expect(found).toMatchObject(
      [warm, first, second].map((frame) => ({
        surface: 'responses.socket',
        lane: 'websocket',
        outcome: 'completed',
        status: 200,
        stream: true,
        account: 'a',
        response_id: idOf(frame),
        attempts: 1,
      })),
    );
    expect(found.map(({ decision }) => decision?.attempts[0]?.chosen_by)).toEqual(['choice', 'owner', 'owner']);
    expect(Number(found[1]?.input_tokens)).toBeGreaterThan(0);
    expect(await gateway.metric('switchyard_upstream_in_flight')).toBe(0);
    expect(await gateway.metric('switchyard_requests_in_flight{lane="websocket"}')).toBe(0);
    expect(await gateway.metric('switchyard_request_body_bytes')).toBe(0);
    expect(await gateway.metric('switchyard_sockets')).toBe(1);
  });

  test("the client's own headers that may pass go up with the account's credential, and the key does not", async () => {
    await open();
    const client = await connect({ ...AUTH, 'openai-beta': 'responses_websockets=2026-02-06', 'thread-id': 't1', cookie: 'a=b' });
    client.create({ input: 'a' });
    await client.next('response.completed');
    const [{ headers }] = upstream().received({ full: true }) as unknown as [{ headers: Record<string, string> }];
    expect(headers).toMatchObject({
      authorization: 'Bearer sk-test-account-0-not-a-secret',
      'openai-beta': 'responses_websockets=2026-02-06',
      'thread-id': 't1',
    });
    expect(headers).not.toHaveProperty('cookie');
  });

  test('the frames of the client are passed on byte for byte, and those of the upstream in order', async () => {
    await open();
    const client = await connect();
    const text = `{"type" : "response.create","input":"h\\u00e9 \u{1F600}", "model":"m","x":1.0}`;
    client.ws.send(text);
    await client.next('response.completed');
    const { createHash } = await import('node:crypto');
    expect(upstream().received()[0]?.bodySha256).toBe(createHash('sha256').update(text).digest('hex'));
    expect(client.frames.map((frame) => frame['sequence_number'])).toEqual(client.frames.map((_, n) => n));
  });

  test('a second turn that comes before the first has ended waits for it', async () => {
    await open();
    upstream().script({ rules: [{ answer: { hold: { at: 6, gate: 'go' } } }] });
    const client = await connect();
    client.create({ input: 'one' });
    await client.next('response.output_text.delta');
    client.create({ input: 'two' });
    await expect.poll(() => gateway.metric('switchyard_request_body_bytes')).toBeGreaterThan(0);
    expect(upstream().counters().received).toBe(1);
    upstream().release('go');
    expect(textOf(await client.next('response.completed'))).toBe('You said: one');
    expect(textOf(await client.next('response.completed'))).toBe('You said: two');
    expect((await rows(2)).map(({ outcome }) => outcome)).toEqual(['completed', 'completed']);
  });

  test('a frame that asks for nothing goes to the turn that runs; without an upstream it is refused', async () => {
    await open();
    const client = await connect();
    client.ws.send('{"type":"response.interrupt"}');
    expect(await client.next('error')).toMatchObject({ status: 400, error: { code: 'invalid_value' } });
    client.create({ input: 'a' });
    await client.next('response.completed');
    client.ws.send('{"type":"response.interrupt","discard_partial_items":true}');
    await upstream().until(({ received }) => received === 2);
    expect(upstream().received()[1]).toMatchObject({ method: 'FRAME', socket: 1, body: { discard_partial_items: true } });
  });

  test('what cannot go up beside a turn is dropped and counted: an answer would be taken for the end of the turn', async () => {
    await open();
    const { key } = await createKey(gateway.gateway.control, { name: 'held', models: ['m'], accounts: null });
    upstream().script({ rules: [{ answer: { hold: { at: 6, gate: 'go' } } }] });
    const client = await connect({ authorization: `Bearer ${key}` });
    client.create({ input: 'one' });
    await client.next('response.output_text.delta');
    client.ws.send('{"type":"session.update","model":"gpt-5.5"}');
    await expect.poll(() => gateway.metric('switchyard_socket_dropped_frames_total')).toBe(1);
    upstream().release('go');
    expect(textOf(await client.next('response.completed'))).toBe('You said: one');
    expect(client.frames.filter(({ type }) => type === 'error')).toEqual([]);
    expect(upstream().counters().received).toBe(1);
  });

  test('a turn for which there is no memory is refused in its place, behind the turn that runs', async () => {
    await open(1, { SWITCHYARD_LIMITS_BODY_BYTES: '1MiB', SWITCHYARD_LIMITS_BODY_MEMORY_BYTES: '1MiB' });
    upstream().script({ rules: [{ answer: { hold: { at: 6, gate: 'go' } } }] });
    const client = await connect();
    client.create({ input: 'one' });
    await client.next('response.output_text.delta');
    client.create({ input: 'x'.repeat(1_048_576) });
    client.create({ input: 'three' });
    await expect.poll(() => gateway.metric('switchyard_request_body_bytes')).toBeGreaterThan(0);
    upstream().release('go');
    expect(textOf(await client.next('response.completed'))).toBe('You said: one');
    expect(await client.next('error')).toMatchObject({ error: { code: 'server_is_overloaded' } });
    expect(textOf(await client.next('response.completed'))).toBe('You said: three');
    const kinds = client.frames.map(({ type }) => type).filter((type) => type === 'error' || type === 'response.completed');
    expect(kinds).toEqual(['response.completed', 'error', 'response.completed']);
    expect((await rows(3)).map(({ outcome }) => outcome).sort()).toEqual(['completed', 'completed', 'refused']);
    expect(await gateway.metric('switchyard_request_body_bytes')).toBe(0);
  });

  test('a client that goes on asking when there is no memory, and many wait, is sent away', async () => {
    await open(1, { SWITCHYARD_LIMITS_BODY_BYTES: '1MiB', SWITCHYARD_LIMITS_BODY_MEMORY_BYTES: '1MiB' });
    upstream().script({ rules: [{ answer: { hold: { at: 6 } } }] });
    const client = await connect();
    client.create({ input: 'one' });
    await client.next('response.output_text.delta');
    for (let n = 0; n < 17; n++) client.create({ input: 'x'.repeat(1_048_576) });
    expect(await client.closed).toBe(1013);
  });

  test('a client that leaves takes its upstream along, and the row says so', async () => {
    await open();
    upstream().script({ rules: [{ answer: { hold: { at: 6 } } }] });
    const client = await connect();
    client.create({ input: 'a' });
    await client.next('response.output_text.delta');
    const leftMs = performance.now();
    client.ws.terminate();
    await upstream().until(({ aborted, sockets }) => aborted === 1 && sockets.open === 0);
    expect(performance.now() - leftMs).toBeLessThan(1_000);
    expect(await rows(1)).toMatchObject([{ outcome: 'client_left', status: 200, account: 'a' }]);
    await expect.poll(() => gateway.metric('switchyard_sockets')).toBe(0);
    expect(await gateway.metric('switchyard_upstream_in_flight')).toBe(0);
  });

  test('so does one that leaves while its upstream socket is still being opened', async () => {
    await open();
    upstream().script({ rules: [{ match: { method: 'GET' }, answer: { hold: { at: 'before_head' }, status: 503 } }] });
    const client = await connect();
    client.create({ input: 'a' });
    await upstream().until(({ open: running }) => running === 1);
    client.ws.terminate();
    await upstream().until(({ open: running }) => running === 0);
    expect(await rows(1)).toMatchObject([{ outcome: 'client_left', account: null }]);
    expect(await gateway.metric('switchyard_upstream_in_flight')).toBe(0);
  });
});

describe('who serves a turn', () => {
  test('what continues a response goes to its owner on any socket, and over HTTP', async () => {
    await open(2);
    const client = await connect();
    client.create({ input: 'a', store: true });
    const id = idOf(await client.next('response.completed'));
    const owner = upstream(0).counters().received === 1 ? 0 : 1;
    for (let n = 0; n < 3; n++) {
      const other = await connect();
      other.create({ input: 'b', store: true, previous_response_id: id });
      await other.next('response.completed');
    }
    const response = await gateway.ask('/v1/responses', { model: 'm', input: 'c', previous_response_id: id });
    expect(response.status).toBe(200);
    expect([upstream(owner).counters().received, upstream(1 - owner).counters().received]).toEqual([5, 0]);
  });

  test('another key cannot ride a conversation', async () => {
    await open(2);
    const client = await connect();
    client.create({ input: 'a', store: true });
    const id = idOf(await client.next('response.completed'));
    const owner = upstream(0).counters().received === 1 ? 'a' : 'b';
    const { rows: accounts } = await gateway.pool.query<{ id: string }>('select id from gateway.account where name <> $1', [owner]);
    const { key } = await createKey(gateway.gateway.control, { name: 'other', models: null, accounts: [accounts[0]!.id] });
    const stranger = await connect({ authorization: `Bearer ${key}` });
    stranger.create({ input: 'b', previous_response_id: id });
    expect(await stranger.next('error')).toMatchObject({ status: 404, error: { code: 'not_found' } });
    expect(upstream(0).counters().received + upstream(1).counters().received).toBe(1);
  });

  test('a turn with the state of another turn gets a new upstream socket, one with its own keeps it', async () => {
    await open();
    upstream().script({ rules: [{ answer: { headers: { 'x-codex-turn-state': 'one' } } }] });
    const client = await connect();
    client.create({ input: 'a' });
    await client.next('response.completed');
    client.create({ input: 'b', client_metadata: { 'x-codex-turn-state': 'one' } });
    await client.next('response.completed');
    client.create({ input: 'c', client_metadata: { 'x-codex-turn-state': 'two' } });
    await client.next('response.completed');
    client.create({ input: 'd' });
    await client.next('response.completed');
    expect(socketsOf()).toEqual([1, 1, 2, 2]);
  });

  test('a conversation that rested for over a minute gets a fresh upstream socket, or is told to begin anew', async () => {
    await open(2);
    const client = await connect();
    client.create({ input: 'a', store: true });
    const first = idOf(await client.next('response.completed'));
    gateway.skip(59_000);
    client.create({ input: 'b', store: true, previous_response_id: first });
    const second = idOf(await client.next('response.completed'));
    gateway.skip(61_000);
    client.create({ input: 'c', store: true, previous_response_id: second });
    const third = idOf(await client.next('response.completed'));
    expect(socketsOf()).toEqual([1, 1, 2]);
    gateway.skip(61_000);
    upstream().script({ rules: [{ match: { method: 'GET' }, answer: { cut: { at: 'before_head' } } }] });
    client.create({ input: 'd', previous_response_id: third });
    expect(await client.next('error')).toMatchObject({ status: 409, error: { code: 'stale_continuation' } });
    expect(upstream(1).counters().received).toBe(0);
    expect((await rows(4))[3]).toMatchObject({ outcome: 'refused', fault: 'stale_continuation', status: 409 });
  });

  test('a conversation whose warm-up went elsewhere is told to begin anew, and then its owner is the only one asked', async () => {
    await open(2);
    const thread = { ...AUTH, 'thread-id': 'thread-1' };
    const said = { role: 'user', content: 'a' };
    const client = await connect(thread);
    upstream().script({ rules: [{ answer: { say: { text: 'Noted.', reasoning: 'Hm.' } } }] });
    client.create({ input: [said], include: ['reasoning.encrypted_content'] });
    const { output } = (await client.next('response.completed'))['response'] as { output: object[] };
    const input = [said, ...output, { role: 'user', content: 'b' }];
    upstream().script({ rules: [{ times: 'always', answer: { preset: 'usage_limit_reached' } }] });

    // Another process of the client: its warm-up names the session and nothing that is sealed.
    const again = await connect(thread);
    again.create({ input: [said], generate: false });
    const warm = idOf(await again.next('response.completed'));
    again.create({ input, previous_response_id: warm });
    expect(await again.next('error')).toMatchObject({ status: 409, error: { code: 'stale_continuation' } });
    const whole = await connect(thread);
    whole.create({ input });
    expect(await whole.next('error')).toMatchObject({ status: 429, error: { type: 'usage_limit_reached' } });
    expect(upstream(1).counters().received).toBe(1);

    upstream().clearScript();
    expect((await rows(4)).map(({ account, fault }) => [account, fault])).toEqual([
      ['a', null],
      ['b', null],
      [null, 'stale_continuation'],
      [null, 'owner_exhausted'],
    ]);
  });

  test('a turn that takes a conversation over into another thread goes to its owner, with what that has sealed', async () => {
    await open(2);
    upstream().script({ rules: [{ answer: { say: { text: 'Noted.', reasoning: 'Hm.' } } }] });
    const first = await connect({ ...AUTH, 'thread-id': 'thread-1' });
    first.create({ input: 'a', store: true, include: ['reasoning.encrypted_content'] });
    const { id, output } = (await first.next('response.completed'))['response'] as { id: string; output: object[] };
    const second = await connect({ ...AUTH, 'thread-id': 'thread-2' });
    second.create({ input: 'b' });
    await second.next('response.completed');
    second.create({ input: [...output, { role: 'user', content: 'c' }], previous_response_id: id });
    await second.next('response.completed');
    expect((await rows(3)).map(({ account, fault }) => [account, fault])).toEqual([
      ['a', null],
      ['b', null],
      ['a', null],
    ]);
  });

  test('a warm-up is no turn: the session stays with its account, and the turn behind the warm-up takes it along', async () => {
    await open(2);
    const thread = { ...AUTH, 'thread-id': 'thread-1' };
    const client = await connect(thread);
    client.create({ input: 'a' });
    await client.next('response.completed');
    upstream(0).script({ rules: [{ times: 'always', answer: { preset: 'usage_limit_reached' } }] });
    const again = await connect(thread);
    again.create({ input: 'a', generate: false });
    const warm = idOf(await again.next('response.completed'));
    expect(upstream(1).counters().received).toBe(1);

    // What nobody here has sealed belongs to the account of the session that it comes from.
    const input = [
      { type: 'reasoning', summary: [], encrypted_content: 'sealed-elsewhere' },
      { role: 'user', content: 'b' },
    ];
    const whole = await connect(thread);
    whole.create({ input });
    expect(await whole.next('error')).toMatchObject({ status: 429, error: { type: 'usage_limit_reached' } });
    again.create({ input: 'b', previous_response_id: warm });
    await again.next('response.completed');
    whole.create({ input });
    await upstream(1).until(({ received }) => received === 3);
  });

  test('turns stay with the socket that is open, though another account has less to do', async () => {
    await open(2);
    const client = await connect();
    for (const input of ['a', 'b', 'c']) {
      client.create({ input });
      await client.next('response.completed');
    }
    expect([upstream(0).counters().received, upstream(1).counters().received]).toEqual([3, 0]);
    expect((await rows(3)).map(({ decision }) => decision?.attempts[0]?.chosen_by)).toEqual(['choice', 'open_socket', 'open_socket']);
  });
});

describe('before anything was sent to the client', () => {
  const preset = (name: string) => ({ rules: [{ match: { transport: 'socket' }, answer: { preset: name } }] });
  const first = async (members: object = {}): Promise<{ client: SocketClient; done: Frame }> => {
    const client = await connect();
    client.create({ input: 'a', ...members });
    return { client, done: await client.next('response.completed') };
  };

  const failing = (code: string): Behaviour => ({ say: { text: [] }, end: { failed: { code } } });

  test.each<[string, Behaviour]>([
    ['a quota that is used up', { preset: 'usage_limit_reached' }],
    ['overload', { preset: 'server_is_overloaded' }],
    ['a 500', { preset: '500' }],
    ['a turn that fails at once of overload', failing('server_is_overloaded')],
    ['a turn that fails at once of its quota', failing('rate_limit_exceeded')],
    ['a reset', { preset: 'reset' }],
  ])('%s at one account leads to the next, on the same client socket', async (_, answer) => {
    await open(2);
    upstream(0).script({ rules: [{ match: { transport: 'socket' }, answer }] });
    // The first choice is the account that was linked first.
    const { client, done } = await first();
    expect(textOf(done)).toBe('You said: a');
    expect(client.frames.filter(({ type }) => type === 'response.created').length).toBe(1);
    expect([upstream(0).counters().received, upstream(1).counters().received]).toEqual([1, 1]);
    expect((await rows(1))[0]).toMatchObject({ attempts: 2, account: 'b', outcome: 'completed' });
  });

  test('a refused upgrade is judged like the same answer over HTTP', async () => {
    await open(2);
    upstream(0).script({ rules: [{ match: { method: 'GET' }, answer: { preset: '401' } }] });
    await first();
    expect((await rows(1))[0]?.decision?.attempts).toMatchObject([
      { account: 'a', status: 401, verdict: 'next_account', backoff: 'auth' },
      { account: 'b', verdict: 'relayed' },
    ]);
  });

  test('an upgrade that is not answered within `websocket.connect_timeout_ms` leads to the next account', async () => {
    await open(2, { SWITCHYARD_WEBSOCKET_CONNECT_TIMEOUT_MS: '200' });
    upstream(0).script({ rules: [{ match: { method: 'GET' }, answer: { hold: { at: 'before_head' } } }] });
    const beganMs = performance.now();
    await first();
    expect(performance.now() - beganMs).toBeLessThan(5_000);
    expect((await rows(1))[0]?.decision?.attempts).toMatchObject([{ account: 'a', failure: 'connect_timeout', verdict: 'next_account' }, { account: 'b' }]);
  });

  test('when all have refused, the client gets the last refusal as its upstream gave it', async () => {
    await open(2);
    for (const each of gateway.upstreams) each.script(preset('usage_limit_reached'));
    const client = await connect();
    client.create({ input: 'a' });
    const refused = await client.next('error');
    expect(refused).toMatchObject({ status: 429, error: { type: 'usage_limit_reached' } });
    expect((await rows(1))[0]).toMatchObject({ attempts: 2, outcome: 'upstream_error', status: 429 });
    // Nobody is asked again before there is a quota again, and the socket is still good.
    client.create({ input: 'b' });
    expect(await client.next('error')).toMatchObject({ status: 429, error: { type: 'usage_limit_reached', code: 'quota_exhausted' } });
    expect(gateway.upstreams.map((each) => each.counters().received)).toEqual([1, 1]);
    expect(client.ws.readyState).toBe(client.ws.OPEN);
  });

  test('while an account that takes no WebSockets has quota, a client is sent to HTTP', async () => {
    await open(2);
    await gateway.pool.query(`update gateway.account set websocket = false where name = 'b'`);
    await using plain = await gateway.reopen();
    upstream(0).script(preset('usage_limit_reached'));
    const client = opened.use(await connectSocket(plain.url, AUTH));
    client.create({ input: 'a' });
    expect(await client.next('error')).toMatchObject({ status: 429, error: { type: 'usage_limit_reached' } });
    client.create({ input: 'b' });
    expect(await client.next('error')).toMatchObject({ status: 503, error: { code: 'no_account_available' } });
    expect(await client.closed).toBe(1013);
    expect(upstream(1).counters().received).toBe(0);
  });

  test('what a turn tells of the quota orders the accounts from then on', async () => {
    await open(2);
    const resetAt = Math.ceil(Date.now() / 1_000) + 3_600;
    const told = { type: 'codex.rate_limits', plan_type: 'plus', rate_limits: { primary: { used_percent: 97, window_minutes: 300, reset_at: resetAt } } };
    upstream(0).script({ rules: [{ answer: { before: [told] } }] });
    await first();
    const answer = await gateway.gateway.adminApi.request('/api/quota');
    expect(await answer.json()).toMatchObject({ data: [{ account: 'a', band: 'critical', source: 'event', plan_type: 'plus' }, { account: 'b' }] });
    await first();
    await first();
    expect(gateway.upstreams.map((each) => each.counters().received)).toEqual([1, 2]);
  });

  test('what is between client and upstream passes: a wrong request is nobody else’s', async () => {
    await open(2);
    upstream(0).script(preset('400'));
    const client = await connect();
    client.create({ input: 'a' });
    expect(await client.next('error')).toMatchObject({ status: 400 });
    expect(upstream(1).counters().received).toBe(0);
  });

  test('an owner that refuses is the only one asked (A20)', async () => {
    await open(2);
    const { client, done } = await first();
    upstream(0).script(preset('usage_limit_reached'));
    client.create({ input: 'b', previous_response_id: idOf(done) });
    expect(await client.next('error')).toMatchObject({ status: 429, error: { type: 'usage_limit_reached' } });
    expect([upstream(0).counters().received, upstream(1).counters().received]).toEqual([2, 0]);
  });

  // What is stored nowhere is gone with the socket.
  test.each<[string, Behaviour, { store: boolean }, number[]]>([
    ['refuses for overload', { preset: 'server_is_overloaded' }, { store: false }, [1, 1, 1, 1]],
    ['fails at once', failing('server_is_overloaded'), { store: false }, [1, 1, 1, 1]],
    ['breaks off', { preset: 'reset' }, { store: true }, [1, 1, 2, 3]],
  ])('an owner that %s twice answers at the third try, and nobody else is asked', async (_, answer, stored, sockets) => {
    await open(2);
    const { client, done } = await first(stored);
    upstream(0).script({ rules: [{ match: { transport: 'socket' }, times: 2, answer }] });
    client.create({ input: 'b', previous_response_id: idOf(done) });
    expect(textOf(await client.next('response.completed'))).toBe('You said: b');
    expect([socketsOf(0), socketsOf(1)]).toEqual([sockets, []]);
    expect(client.frames.filter(({ type }) => type === 'error' || type === 'response.failed')).toEqual([]);
    expect((await rows(2))[1]?.decision?.attempts.map(({ chosen_by, verdict }) => [chosen_by, verdict])).toEqual([
      ['owner', expect.stringMatching(/same_account|next_account/)],
      ['owner_again', 'same_account'],
      ['owner_again', 'relayed'],
    ]);
  });

  test('an owner that fails for good is asked four times, and its last answer is the client’s', async () => {
    await open(2);
    const { client, done } = await first();
    upstream(0).script({ rules: [{ match: { transport: 'socket' }, times: 4, answer: { preset: 'server_is_overloaded' } }] });
    client.create({ input: 'b', previous_response_id: idOf(done) });
    expect(await client.next('error')).toMatchObject({ status: 503, error: { code: 'server_is_overloaded' } });
    expect([upstream(0).counters().received, upstream(1).counters().received]).toEqual([5, 0]);
    client.create({ input: 'c', previous_response_id: idOf(done) });
    expect(textOf(await client.next('response.completed'))).toBe('You said: c');
  });

  test('what the owner says it does not know is asked for once more there', async () => {
    await open(2);
    const { client, done } = await first();
    upstream(0).script({ rules: [{ match: { transport: 'socket' }, times: 2, answer: { preset: 'previous_response_not_found' } }] });
    client.create({ input: 'b', previous_response_id: idOf(done) });
    expect(await client.next('error')).toMatchObject({ error: { code: 'previous_response_not_found' } });
    expect([upstream(0).counters().received, upstream(1).counters().received]).toEqual([3, 0]);
  });

  test('it is asked for with the turn state that the response came with, as over HTTP', async () => {
    await open();
    const client = await connect();
    upstream().script({ rules: [{ answer: { headers: { 'x-codex-turn-state': 'one' } } }] });
    client.create({ input: 'a' });
    const done = await client.next('response.completed');
    upstream().script({ rules: [{ answer: { preset: 'previous_response_not_found' } }] });
    client.create({ input: 'b', previous_response_id: idOf(done), client_metadata: { thread_id: 't' } });
    expect(textOf(await client.next('response.completed'))).toBe('You said: b');
    const metadata = upstream()
      .received({ full: true })
      .map(({ body }) => (body as { client_metadata?: object }).client_metadata);
    expect(metadata).toEqual([undefined, { thread_id: 't' }, { 'x-codex-turn-state': 'one', thread_id: 't' }]);
    expect(socketsOf()).toEqual([1, 1, 1]);
  });

  test('a response that failed with that code counts against its binding like an error, and is bound to nobody', async () => {
    await open(2);
    const { client, done } = await first();
    const denial = { code: 'previous_response_not_found', message: 'Previous response not found.' };
    upstream(0).script({ rules: [{ times: 'always', answer: { say: {}, end: { failed: denial } } }] });
    for (let i = 0; i < 2; i++) {
      client.create({ input: 'b', previous_response_id: idOf(done) });
      expect(await client.next('response.failed')).toMatchObject({ response: { error: { code: 'previous_response_not_found' } } });
      // Two denials within a second are one.
      gateway.skip(1_100);
    }
    const bound = await untilRows<{ state: number; misses: number }>(
      gateway.pool,
      'select state, misses from gateway.binding where kind = 1',
      ([row]) => row?.state === 3,
    );
    expect(bound).toEqual([{ state: 3, misses: 2 }]);
  });

  test('a client that leaves while its owner is waited for costs no further try', async () => {
    await open(2);
    const { client, done } = await first();
    upstream(0).script({ rules: [{ match: { transport: 'socket' }, times: 'always', answer: { preset: 'server_is_overloaded' } }] });
    client.create({ input: 'b', previous_response_id: idOf(done) });
    await upstream(0).until(({ received }) => received === 2);
    client.ws.terminate();
    expect((await rows(2))[1]).toMatchObject({ outcome: 'client_left' });
    expect(upstream(0).counters().received).toBeLessThanOrEqual(3);
    expect(await gateway.metric('switchyard_upstream_in_flight')).toBe(0);
  });

  test('a kept upstream socket that turns out to be dead is opened once more', async () => {
    await open();
    const { client } = await first();
    upstream().script({ rules: [{ answer: { cut: { at: 'before_head' } } }] });
    client.create({ input: 'b' });
    expect(textOf(await client.next('response.completed'))).toBe('You said: b');
    expect(socketsOf()).toEqual([1, 1, 2]);
    expect((await rows(2))[1]?.decision?.attempts.map(({ chosen_by }) => chosen_by)).toEqual(['open_socket', 'only_one_left']);
  });

  test('an account that does not take WebSockets is remembered: 1013, and 426 from then on', async () => {
    await open();
    upstream().script({ rules: [{ match: { method: 'GET' }, times: 'always', answer: { status: 426, body: {} } }] });
    const client = await connect();
    client.create({ input: 'a' });
    expect(await client.next('error')).toMatchObject({ status: 503, error: { code: 'no_account_available' } });
    expect(await client.closed).toBe(1013);
    await expect(connect()).rejects.toThrow('426');
    await expect.poll(() => gateway.metric('switchyard_sockets_closed_total{why="no_account"}')).toBe(1);
  });
});

describe('after the first frame that counts', () => {
  const delta = { hold: { at: 6, gate: 'go' } } as const;

  test.each([
    [{ close: { code: 1011, at: 6 } }, 1011],
    [{ close: { code: 1012, at: 6 } }, 1012],
    [{ close: { code: 4_001, at: 6 } }, 4_001],
    [{ cut: { at: { units: 6 } } }, 1006],
  ] as const)('%j closes the client with the same code, and nobody else is asked (A20)', async (answer, code) => {
    await open(2);
    upstream(0).script({ rules: [{ answer }] });
    const client = await connect();
    client.create({ input: 'one two three' });
    expect(await client.closed).toBe(code);
    expect(client.frames.length).toBe(6);
    expect(upstream(1).counters().received).toBe(0);
    expect((await rows(1))[0]).toMatchObject({ outcome: 'upstream_cut', account: 'a', response_id: null });
  });

  test('an error frame is passed, and ends the turn', async () => {
    await open(2);
    upstream(0).script({ rules: [{ answer: { end: { error: { code: 'server_error' } } } }] });
    const client = await connect();
    client.create({ input: 'a' });
    expect(await client.next('error')).toMatchObject({ code: 'server_error' });
    expect((await rows(1))[0]).toMatchObject({ outcome: 'upstream_error' });
    client.create({ input: 'b' });
    await client.next('response.completed');
  });

  test('the frame that ends a turn comes when its binding is durable', async () => {
    await open();
    const client = await connect();
    client.create({ input: 'a' });
    const id = idOf(await client.next('response.completed'));
    const { rowCount } = await gateway.pool.query(
      `select from gateway.binding where digest = substring(sha256(convert_to('response' || E'\\x1f\\x1f\\x1f' || $1::text, 'UTF8')) for 16)`,
      [id],
    );
    expect(rowCount).toBe(1);
  });

  test('an upstream that closes between turns closes the client with its code', async () => {
    await open();
    upstream().script({ rules: [{ answer: { close: { code: 1001 } } }] });
    const client = await connect();
    client.create({ input: 'a' });
    await client.next('response.completed');
    expect(await client.closed).toBe(1001);
    expect((await rows(1))[0]).toMatchObject({ outcome: 'completed' });
  });

  test('an account that is taken away ends what runs on it', async () => {
    await open();
    upstream().script({ rules: [{ answer: delta }] });
    const client = await connect();
    client.create({ input: 'a' });
    await client.next('response.output_text.delta');
    await removeAccount(gateway.gateway.control, 'a');
    expect(await client.closed).toBe(1006);
    await upstream().until(({ sockets }) => sockets.open === 0);
  });

  test('an account that is taken away while a socket to it is being opened serves no turn over that', async () => {
    await open();
    const second = Promise.withResolvers<() => void>();
    let upgrades = 0;
    const link = await linkByHand((_, letIn) => (upgrades++ === 0 ? letIn(true) : second.resolve(() => letIn(true))));
    const clients = [await connect(), await connect()];
    clients[0]!.create({ input: 'a' });
    await link();
    clients[1]!.create({ input: 'a' });
    const letIn = await second.promise;
    await removeAccount(gateway.gateway.control, 'by-hand');
    // The sockets that were open have been looked at when the first turn has gone elsewhere.
    await clients[0]!.next('response.completed');
    const late = link();
    letIn();
    const socket = await late;
    await new Promise((resolve) => socket.once('close', resolve));
    await clients[1]!.next('response.completed');
    expect((await rows(2)).map(({ account }) => account)).toEqual(['a', 'a']);
  });
});

describe('refusals', () => {
  test.each<[string, Readonly<Record<string, string>>, Readonly<Record<string, string>>, string]>([
    ['no key', {}, {}, '401'],
    ['a wrong key', { authorization: 'Bearer sk-test-wrong-not-a-secret' }, {}, '401'],
    ['a page of another origin', { ...AUTH, origin: 'https://evil.example' }, {}, '403'],
    ['WebSocket switched off', AUTH, { SWITCHYARD_WEBSOCKET_ENABLED: 'false' }, '426'],
  ])('%s gets no socket', async (_, headers, settings, status) => {
    await open(1, settings);
    await expect(connect(headers)).rejects.toThrow(status);
  });

  test('a page of this machine may, and an account that is not marked may not', async () => {
    await open();
    await connect({ ...AUTH, origin: 'http://localhost:5173' });
    await gateway.pool.query('update gateway.account set websocket = false');
    await gateway.gateway.control.applied();
    await expect(connect()).rejects.toThrow('426');
  });

  test.each([
    ['{"type":"response.create"', 400, 'invalid_json'],
    ['{"type":"response.create","input":"a"}', 400, 'missing_required_parameter'],
    ['{"type":"response.create","model":"m","model":"n"}', 400, 'duplicate_parameter'],
    ['{"type":"response.create","model":"unknown"}', 404, 'model_not_found'],
  ])('%s is refused on the socket, as over HTTP, with a row', async (text, status, code) => {
    await open();
    const client = await connect();
    client.ws.send(text);
    expect(await client.next('error')).toMatchObject({ status, error: { code, request_id: expect.stringMatching(/^req_/) as string } });
    expect(await rows(1)).toMatchObject([{ outcome: 'refused', fault: code, status }]);
    client.create({ input: 'a' });
    await client.next('response.completed');
    expect(await gateway.metric('switchyard_request_body_bytes')).toBe(0);
  });

  test('a key that is held to models can name no other, and can send no frame of unknown meaning', async () => {
    await open();
    const { key } = await createKey(gateway.gateway.control, { name: 'held', models: ['m'], accounts: null });
    const client = await connect({ authorization: `Bearer ${key}` });
    client.create({ model: 'gpt-5.5', input: 'a' });
    expect(await client.next('error')).toMatchObject({ error: { code: 'model_not_found' } });
    client.create({ input: 'a' });
    await client.next('response.completed');
    client.ws.send('{"type":"session.update","model":"gpt-5.5"}');
    expect(await client.next('error')).toMatchObject({ error: { code: 'model_not_found' } });
    expect(upstream().counters().received).toBe(1);
  });

  test('a key that has been revoked ends its sockets with their next turn', async () => {
    await open();
    const { id, key } = await createKey(gateway.gateway.control, { name: 'short', models: null, accounts: null });
    const client = await connect({ authorization: `Bearer ${key}` });
    client.create({ input: 'a' });
    await client.next('response.completed');
    await endKey(gateway.gateway.control, id);
    client.create({ input: 'b' });
    expect(await client.next('error')).toMatchObject({ status: 401, error: { code: 'invalid_api_key' } });
    expect(await client.closed).toBe(1008);
    expect(upstream().counters().received).toBe(1);
  });

  test('sockets leave half of the places to requests over HTTP, however many rest open', async () => {
    gateway = opened.use(await openTestGateway(1, {}, { active: 4 }));
    await connect();
    await connect();
    await expect(connect()).rejects.toThrow('503');
    expect((await gateway.ask('/v1/responses', { model: 'm', input: 'a' })).status).toBe(200);
  });

  test('no key takes them all while there are others (B22)', async () => {
    gateway = opened.use(await openTestGateway(1, {}, { active: 8 }));
    const { id, key } = await createKey(gateway.gateway.control, { name: 'other', models: null, accounts: null });
    const other = { authorization: `Bearer ${key}` };
    const first = await connect();
    await connect();
    await expect(connect()).rejects.toThrow('429');
    await connect(other);
    first.ws.terminate();
    await expect.poll(() => gateway.metric('switchyard_sockets')).toBe(2);
    await connect();
    await connect(other);
    await expect(connect(other)).rejects.toThrow('429');
    await endKey(gateway.gateway.control, id);
    // What was open before the other was ended goes on until its next turn.
    await expect(connect()).rejects.toThrow('503');
  });

  test('a binary frame, which no client of turns sends, closes the socket', async () => {
    await open();
    const client = await connect();
    client.ws.send('x', { binary: true });
    expect(await client.closed).toBe(1003);
  });
});

describe('the clock and the end', () => {
  test('an upstream that has vanished in the middle is found out, its place is free and its binding stays (B18)', async () => {
    await open(1, { SWITCHYARD_WEBSOCKET_PING_MS: '100' });
    const client = await connect();
    client.create({ input: 'a', store: true });
    const id = idOf(await client.next('response.completed'));
    upstream().script({ pongs: false, rules: [{ answer: { hold: { at: 6 } } }] });
    client.create({ input: 'b', previous_response_id: id });
    await client.next('response.output_text.delta');
    expect(await client.closed).toBe(1006);
    expect((await rows(2))[1]).toMatchObject({ outcome: 'upstream_cut' });
    await expect.poll(() => gateway.metric('switchyard_sockets_closed_total{why="upstream_vanished"}')).toBe(1);
    expect(await gateway.metric('switchyard_upstream_in_flight')).toBe(0);
    upstream().script({ pongs: true });
    const again = await connect();
    again.create({ input: 'c', previous_response_id: id });
    await again.next('response.completed');
  });

  test('a client that has vanished is found out too', async () => {
    await open(1, { SWITCHYARD_WEBSOCKET_PING_MS: '100' });
    const client = await connect();
    // A client that reads nothing answers no ping.
    client.ws.pause();
    await expect.poll(() => gateway.metric('switchyard_sockets_closed_total{why="client_vanished"}'), { timeout: 5_000 }).toBe(1);
    client.ws.resume();
    expect(await client.closed).toBe(1006);
  });

  test('an upstream that takes nothing of a turn is given up like a silent one, however much waits for it (B18)', async () => {
    await open();
    const next = await linkByHand();
    const client = await connect();
    const coming = next();
    client.create({ input: MUCH });
    (await coming).pause();
    const skipping = setInterval(() => gateway.skip(3_000), 300);
    try {
      expect(await client.next('error')).toMatchObject({ status: 502, error: { code: 'upstream_unreachable' } });
    } finally {
      clearInterval(skipping);
    }
    expect((await rows(1))[0]?.decision?.attempts).toMatchObject([{ account: 'by-hand', failure: 'head_timeout', verdict: 'gave_up', backoff: 'transport' }]);
    client.create({ input: 'b' });
    expect(textOf(await client.next('response.completed'))).toBe('You said: b');
  });

  test('an upstream that takes nothing after a turn is found out, whatever waits for it', async () => {
    await open();
    const next = await linkByHand();
    const client = await connect();
    const coming = next();
    client.create({ input: 'a' });
    const deaf = await coming;
    await new Promise((resolve) => deaf.once('message', resolve));
    deaf.send('{"type":"response.completed","response":{"id":"resp_deaf","output":[]}}');
    await client.next('response.completed');
    deaf.pause();
    client.ws.send(`{"type":"response.interrupt","x":"${MUCH}"}`);
    await expect.poll(() => gateway.metric('switchyard_socket_other_frames_total'), { timeout: 10_000 }).toBe(1);
    await closedWhileSkipping('upstream_vanished', 5_000);
    expect(await client.closed).toBe(1006);
  });

  test.each([
    ['within a turn after the limit of stalled clients', '', 'client', 'client_stalled'],
    ['between two turns after the next ping', '{"type":"response.completed","response":{"id":"resp_last","output":[]}}', 'client_vanished', 'completed'],
  ])('a client that takes nothing any more is cut, however little waits for it: %s (A09, B18)', async (_when, last, why, outcome) => {
    await open();
    const next = await linkByHand();
    const client = await connect();
    const coming = next();
    client.create({ input: 'a' });
    const speaker = await coming;
    await new Promise((resolve) => speaker.once('message', resolve));
    if (last !== '') {
      speaker.send(last);
      await client.next('response.completed');
    }
    client.ws.pause();
    const [wire] = gateway.wires;
    while (wire!.writableLength === 0) {
      await new Promise<unknown>((resolve) => speaker.send(`{"type":"response.output_text.delta","delta":"${'x'.repeat(100_000)}"}`, resolve));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(wire!.writableLength).toBeLessThan(1_048_576);
    await closedWhileSkipping(why, 15_000);
    expect(await rows(1)).toMatchObject([{ outcome }]);
    client.ws.resume();
    expect(await client.closed).toBe(1006);
  });

  test('a socket is retired between turns, never within one', async () => {
    await open(1, { SWITCHYARD_WEBSOCKET_RETIRE_MS: '1000', SWITCHYARD_WEBSOCKET_PING_MS: '100' });
    upstream().script({ rules: [{ answer: { hold: { at: 6, gate: 'go' } } }] });
    const client = await connect();
    const openedMs = performance.now();
    client.create({ input: 'a' });
    await client.next('response.output_text.delta');
    await expect.poll(() => performance.now() - openedMs, { timeout: 5_000 }).toBeGreaterThan(1_500);
    expect(client.ws.readyState).toBe(client.ws.OPEN);
    upstream().release('go');
    await client.next('response.completed');
    expect(await client.closed).toBe(1001);
    await expect.poll(() => gateway.metric('switchyard_sockets_closed_total{why="retired"}')).toBe(1);
  });

  test('at a stop idle sockets close at once, and a turn that runs ends first', async () => {
    await open();
    upstream().script({ rules: [{ answer: { hold: { at: 6, gate: 'go' } } }] });
    const [idle, busy] = [await connect(), await connect()];
    busy.create({ input: 'a' });
    await busy.next('response.output_text.delta');
    const drained = gateway.gateway.drain(10_000);
    expect(await idle.closed).toBe(1001);
    busy.create({ input: 'b' });
    upstream().release('go');
    await busy.next('response.completed');
    expect(await busy.next('error')).toMatchObject({ status: 503, error: { code: 'shutting_down' } });
    expect(await busy.closed).toBe(1001);
    expect(await drained).toBe(0);
    await expect(connect()).rejects.toThrow('503');
  });

  test('what does not end within the drain is cut off', async () => {
    await open();
    upstream().script({ rules: [{ answer: { hold: { at: 6 } } }] });
    const client = await connect();
    client.create({ input: 'a' });
    await client.next('response.output_text.delta');
    expect(await gateway.gateway.drain(50)).toBe(1);
    expect(await client.closed).toBe(1006);
    expect(await rows(1)).toMatchObject([{ outcome: 'shut_down' }]);
  });

  test('a client that does not read holds its upstream back, and gets every frame in the end', async () => {
    await open();
    const events = 400;
    upstream().script({ rules: [{ answer: { stream: { events, bytes: 100_000 } } }] });
    const client = await connect();
    client.ws.pause();
    client.create({ input: 'a' });
    let sent = -1;
    const goesOn = (): boolean => {
      const before = sent;
      sent = upstream().received()[0]?.unitsSent ?? 0;
      return sent === 0 || sent !== before;
    };
    await expect.poll(goesOn, { interval: 200, timeout: 10_000 }).toBe(false);
    // 40 MB in all; what is in between holds a few.
    expect(sent).toBeLessThan(events / 2);
    client.ws.resume();
    await client.next('response.completed');
    expect(client.frames.filter(({ type }) => type === 'response.output_text.delta').length).toBe(events);
    expect(client.frames.map((frame) => frame['sequence_number'])).toEqual(client.frames.map((_, n) => n));
  });
});
