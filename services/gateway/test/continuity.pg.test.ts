import { afterEach, beforeEach, expect, test } from 'vitest';
import { createKey } from '../src/index.ts';
import { KEY, openTestGateway, untilRows } from './open-test-gateway.ts';
import type { TestGateway } from './open-test-gateway.ts';

// Every upstream here refuses what another one made: an id with `previous_response_not_found`, a sealed item with `invalid_encrypted_content`.

let gateway: TestGateway;
beforeEach(async () => {
  gateway = await openTestGateway(3, {}, { bindingWaitMs: 5_000 });
});
afterEach(() => gateway[Symbol.asyncDispose]());

interface Turn {
  readonly status: number;
  readonly account: string | null;
  readonly id: string;
  readonly output: readonly Readonly<Record<string, unknown>>[];
  readonly error: string | null;
}

/** One turn at a gateway, by default the first with its first key; streamed or not, what it says is the same. */
async function turn(
  body: object,
  headers: Readonly<Record<string, string>> = {},
  { url = gateway.url, key = KEY, path = '/v1/responses' } = {},
): Promise<Turn> {
  const response = await fetch(url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ model: 'm', input: 'hello', ...body }),
  });
  const text = await response.text();
  const streamed = /event: response\.completed\ndata: (.+)/.exec(text)?.[1];
  const last = JSON.parse(streamed ?? text) as { response?: object; error?: { code: string } };
  const whole = (last.response ?? last) as { id: string; output?: Turn['output'] };
  return {
    status: response.status,
    account: response.headers.get('x-switchyard-account'),
    id: whole.id,
    output: whole.output ?? [],
    error: last.error?.code ?? null,
  };
}

const received = (): number => gateway.upstreams.reduce((sum, upstream) => sum + upstream.counters().received, 0);
const user = (content: string) => ({ type: 'message', role: 'user', content });
const SHELL = [{ type: 'function', name: 'shell', parameters: { type: 'object', properties: {} } }];

/** What a client sends back of a turn that called a tool. */
function answered({ output }: Turn): object[] {
  const calls = output.filter(({ type }) => type === 'function_call');
  return [user('call shell'), ...output, ...calls.map(({ call_id: id }) => ({ type: 'function_call_output', call_id: id, output: 'done' }))];
}

test('a turn state leads to the account that gave it', async () => {
  for (const [i, upstream] of gateway.upstreams.entries())
    upstream.script({ rules: [{ answer: { headers: { 'x-codex-turn-state': `turn-${i}` } }, times: 'always' }] });
  for (let i = 0; i < 4; i++) {
    const first = await turn({ store: false, stream: i % 2 === 0 });
    const state = `turn-${'abc'.indexOf(first.account!)}`;
    for (let n = 0; n < 3; n++) expect((await turn({ store: false, stream: true }, { 'x-codex-turn-state': state })).account).toBe(first.account);
  }
});

test('the output of a call goes to the account that made the call, without any other id', async () => {
  for (let i = 0; i < 6; i++) {
    const called = await turn({ input: [user('call shell')], tools: SHELL, store: false, stream: i % 2 === 0 });
    expect(called.output.map(({ type }) => type)).toEqual(['function_call']);
    await turn({ store: false });
    expect((await turn({ input: answered(called), tools: SHELL, store: false, stream: true })).account).toBe(called.account);
  }
});

test('encrypted items go back to the account that sealed them, and the last one decides', async () => {
  for (const upstream of gateway.upstreams) upstream.script({ rules: [{ answer: { say: { reasoning: 'hm', text: 'so' } }, times: 'always' }] });
  const thinking = { include: ['reasoning.encrypted_content'], store: false };
  for (let i = 0; i < 6; i++) {
    const first = await turn({ ...thinking, input: [user('think')], stream: i % 2 === 0 });
    let input: object[] = [user('think'), ...first.output];
    for (let n = 0; n < 2; n++) {
      const next = await turn({ ...thinking, input: [...input, user('more')], stream: true });
      expect([next.status, next.account]).toEqual([200, first.account]);
      input = [...input, user('more'), ...next.output];
    }
  }
});

test('a session prefers its account, and stays bound to it when one request has to go elsewhere', async () => {
  const first = await turn({ store: false }, { 'thread-id': 'thread-1' });
  for (let i = 0; i < 4; i++) {
    expect((await turn({ store: false, stream: true }, { 'thread-id': 'thread-1', 'session-id': `session-${i}` })).account).toBe(first.account);
    expect((await turn({ store: false, client_metadata: { thread_id: 'thread-1' } })).account).toBe(first.account);
  }
  const bound = async (): Promise<unknown> => (await gateway.pool.query('select account_id, epoch from gateway.binding where kind = 3')).rows;
  const before = await bound();
  gateway.upstreams['abc'.indexOf(first.account!)]!.script({ rules: [{ answer: { preset: '500' }, times: 'always' }] });
  const spilled = await turn({ store: false }, { 'thread-id': 'thread-1' });
  expect(spilled.status).toBe(200);
  expect(spilled.account).not.toBe(first.account);
  expect(await bound()).toEqual(before);
});

test('a session that every account has refused belongs to none of them, but to the one that serves it next', async () => {
  for (const upstream of gateway.upstreams) upstream.script({ rules: [{ answer: { preset: 'failed_server_is_overloaded', say: {} }, times: 'always' }] });
  const refused = await fetch(`${gateway.url}/v1/responses`, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json', 'thread-id': 'thread-1' },
    body: JSON.stringify({ model: 'm', input: 'hello', stream: true }),
  });
  expect(await refused.text()).toContain('event: response.failed');
  const last = gateway.upstreams['abc'.indexOf(refused.headers.get('x-switchyard-account')!)]!;
  for (const upstream of gateway.upstreams) if (upstream !== last) upstream.script({ rules: [] });
  const served = await turn({ store: false }, { 'thread-id': 'thread-1' });
  expect(served.status).toBe(200);
  const { rows } = await gateway.pool.query<{ name: string }>(
    'select a.name from gateway.binding b join gateway.account a on a.id = b.account_id where b.kind = 3',
  );
  expect(rows).toEqual([{ name: served.account }]);
});

test('a session whose account is out of quota moves for good', async () => {
  const first = await turn({ store: false }, { 'thread-id': 'thread-1' });
  gateway.upstreams['abc'.indexOf(first.account!)]!.script({ rules: [{ answer: { preset: 'usage_limit_reached' }, times: 'always' }] });
  const moved = await turn({ store: false }, { 'thread-id': 'thread-1' });
  expect(moved.account).not.toBe(first.account);
  await untilRows(gateway.pool, 'select 1 from gateway.binding where kind = 3 and epoch = 1', (rows) => rows.length === 1);
  for (let i = 0; i < 3; i++) expect((await turn({ store: false }, { 'thread-id': 'thread-1' })).account).toBe(moved.account);
});

test('a conversation is compacted by the account of its session alone, and goes on there', async () => {
  const first = await turn({ store: false }, { 'thread-id': 'thread-1' });
  const compact = { path: '/v1/responses/compact' };
  const compacted = await turn({ input: [user('x')] }, { 'thread-id': 'thread-1' }, compact);
  expect([compacted.status, compacted.account]).toEqual([200, first.account]);
  for (let i = 0; i < 3; i++)
    expect(await turn({ input: [...compacted.output, user('go on')], store: false, stream: true })).toMatchObject({ status: 200, account: first.account });
  const owner = gateway.upstreams['abc'.indexOf(first.account!)]!;
  owner.script({ rules: [{ answer: { preset: '500' }, times: 'always' }] });
  const [others, refused] = [received() - owner.counters().received, await turn({ input: [user('x')] }, { 'thread-id': 'thread-1' }, compact)];
  expect([refused.status, received() - owner.counters().received]).toEqual([500, others]);
});

test('another key continues nothing: what is not its own does not exist, and no account is asked', async () => {
  const { key } = await createKey(gateway.gateway.control, { name: 'other', models: null, accounts: null });
  const made = await turn({ stream: true }, { 'thread-id': 'thread-1' });
  const before = received();
  expect(await turn({ previous_response_id: made.id }, {}, { key })).toMatchObject({ status: 404, error: 'not_found' });
  expect(await turn({ previous_response_id: made.id }, { 'thread-id': 'thread-1' }, { key, path: '/v1/responses/compact' })).toMatchObject({ status: 404 });
  for (const [method, path] of [
    ['GET', ''],
    ['DELETE', ''],
    ['POST', '/cancel'],
    ['GET', '/input_items'],
  ] as const)
    // prettier-ignore
    expect((await fetch(`${gateway.url}/v1/responses/${made.id}${path}`, { method, headers: { authorization: `Bearer ${key}` } })).status).toBe(404);
  expect(received()).toBe(before);
  expect(await turn({ previous_response_id: made.id })).toMatchObject({ status: 200, account: made.account });
});

test('two keys with threads of one name have two threads', async () => {
  const { key } = await createKey(gateway.gateway.control, { name: 'other', models: null, accounts: null });
  const [mine, other] = [await turn({ store: false }, { 'thread-id': 'main' }), await turn({ store: false }, { 'thread-id': 'main' }, { key })];
  expect(other.account).not.toBe(mine.account);
  for (let i = 0; i < 3; i++) {
    expect((await turn({ store: false }, { 'thread-id': 'main' })).account).toBe(mine.account);
    expect((await turn({ store: false }, { 'thread-id': 'main' }, { key })).account).toBe(other.account);
  }
});

test('all that binds outlives the server', async () => {
  for (const [i, upstream] of gateway.upstreams.entries())
    upstream.script({
      rules: [{ match: { nth: 1 }, answer: { say: { reasoning: 'hm', calls: [{ name: 'shell' }] }, headers: { 'x-codex-turn-state': `turn-${i}` } } }],
    });
  const made = await turn({ input: [user('call shell')], tools: SHELL, include: ['reasoning.encrypted_content'], stream: true }, { 'thread-id': 'thread-1' });
  await using again = await gateway.reopen();
  const at = { url: again.url };
  const sealed = made.output.filter(({ type }) => type === 'reasoning');
  expect(sealed[0]).toHaveProperty('encrypted_content');
  const continued = [
    await turn({ previous_response_id: made.id }, {}, at),
    await turn({ store: false }, { 'x-codex-turn-state': `turn-${'abc'.indexOf(made.account!)}` }, at),
    await turn({ store: false, input: answered({ ...made, output: made.output.slice(1) }), tools: SHELL }, { 'thread-id': 'thread-1' }, at),
    await turn({ store: false, input: [...sealed, user('more')] }, {}, at),
    await turn({ store: false }, { 'thread-id': 'thread-1' }, at),
  ];
  expect(continued.map(({ status, account }) => [status, account])).toEqual(continued.map(() => [200, made.account]));
});

test('what a clock that was a day behind has stamped outlives the server, too, though the next one has the right clock', async () => {
  gateway.setWallClock(-24 * 3_600_000 - 60_000);
  const made = await gateway.reopen();
  const called = await Promise.all(Array.from({ length: 4 }, () => turn({ input: [user('call shell')], tools: SHELL, store: false }, {}, made)));
  await made[Symbol.asyncDispose]();
  gateway.setWallClock(0);
  await using again = await gateway.reopen();
  for (const each of called)
    expect(await turn({ input: answered(each), tools: SHELL, store: false }, {}, again)).toMatchObject({ status: 200, account: each.account });
});

test('where a follow-up would go is explained by the ids of its key, and explaining binds and counts nothing', async () => {
  const { rows } = await gateway.pool.query<{ id: string }>('select id from gateway.key');
  const other = await createKey(gateway.gateway.control, { name: 'other', models: null, accounts: null });
  const explain = async (asked: object): Promise<unknown> => {
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ model: 'm', ...asked }) };
    return (await gateway.gateway.adminApi.request('/api/explain', init)).json();
  };
  const [first, second] = [await turn({}, { 'thread-id': 'thread-1' }), await turn({}, { 'thread-id': 'thread-2' })];
  expect(second.account).not.toBe(first.account);
  const key = rows[0]!.id;
  const tables = async () => (await gateway.pool.query('select digest, touched_at, state from gateway.binding order by digest')).rows;
  const before = [received(), await tables()];
  for (const { account, id, session } of [
    { ...first, session: 'thread-1' },
    { ...second, session: 'thread-2' },
  ]) {
    const hard = { kind: 'response', strength: 'hard', found_in: 'memory' };
    expect(await explain({ key, previous_response_id: id })).toMatchObject({ winner: account, chosen_by: 'owner', affinity: hard, refused: null });
    expect(await explain({ key, session })).toMatchObject({ winner: account, chosen_by: 'kept', affinity: { kind: 'session', strength: 'soft' } });
    expect(await explain({ key, session, lane: 'compact' })).toMatchObject({ winner: account, chosen_by: 'owner', affinity: { strength: 'hard' } });
    expect(await explain({ key: other.id, previous_response_id: id })).toMatchObject({ winner: null, chosen_by: null, affinity: null, refused: 'not_found' });
    expect(await explain({ key: other.id, session })).toMatchObject({ chosen_by: 'choice', affinity: null, refused: null });
  }
  const disagreeing = { key, previous_response_id: first.id, session: 'thread-2', lane: 'compact' };
  expect(await explain(disagreeing)).toMatchObject({ winner: first.account, affinity: { kind: 'response', disagrees: true } });
  expect(await gateway.metric('switchyard_affinity_disagreements_total{kind="response"}')).toBeNaN();
  ownerOf(first).script({ rules: [{ answer: { preset: 'usage_limit_reached' }, times: 'always' }] });
  await turn({ previous_response_id: first.id });
  expect(await explain({ key, previous_response_id: first.id })).toMatchObject({ winner: null, chosen_by: null, refused: 'owner_exhausted' });
  expect((await explain({ key, session: 'thread-1' })) as object).toMatchObject({ chosen_by: 'choice' });
  expect([received() - 1, await tables()]).toEqual(before);
});

test.each([
  ['a day and a minute ahead', 86_460_000],
  ['a day and a minute back', -86_460_000],
  ['ten minutes ahead', 600_000],
  ['ten minutes back', -600_000],
])(
  'a wall clock that is set %s in a running server takes neither a conversation nor a call from their account, and has no quota wait longer (C10)',
  async (_how, byMs) => {
    const made = await turn({});
    const called = await turn({ previous_response_id: made.id, input: [user('call shell')], tools: SHELL, store: false });
    const blocked = ['a', 'b', 'c'].find((name) => name !== made.account)!;
    const refusal = { status: 429, body: { error: { type: 'usage_limit_reached', resets_in_seconds: 7_200 } } };
    gateway.upstreams['abc'.indexOf(blocked)]!.script({ rules: [{ answer: refusal }] });
    type Listed = { name: string; state: string; backoff_ms: number };
    const listed = async (): Promise<Listed> =>
      ((await (await gateway.gateway.adminApi.request('/api/accounts')).json()) as { data: Listed[] }).data.find(({ name }) => name === blocked)!;
    while ((await listed()).state !== 'quota_blocked') await turn({});

    gateway.setWallClock(byMs);
    // A block ends with the time that was named for it, by whichever clock that comes first.
    if (byMs > 7_200_000) await expect.poll(listed, { timeout: 5_000 }).toMatchObject({ state: 'ready', backoff_ms: 0 });
    else {
      await expect.poll(async () => (await listed()).backoff_ms, { timeout: 5_000 }).toBeLessThanOrEqual(7_200_000);
      expect((await listed()).state).toBe('quota_blocked');
    }
    const next = await turn({ previous_response_id: made.id });
    expect([next.status, next.account]).toEqual([200, made.account]);
    // Whoever is free to choose now takes another one.
    expect(await turn({ input: answered(called), tools: SHELL, store: false })).toMatchObject({ status: 200, account: called.account });

    gateway.setWallClock(0);
    expect(await turn({ previous_response_id: next.id })).toMatchObject({ status: 200, account: made.account });
  },
);

test('what the owner says it does not know is remembered against the binding, and no other account is asked', async () => {
  const made = await turn({});
  const owner = gateway.upstreams['abc'.indexOf(made.account!)]!;
  owner.script({ rules: [{ answer: { preset: 'previous_response_not_found' }, times: 'always' }] });
  const others = received() - owner.counters().received;
  expect(await turn({ previous_response_id: made.id })).toMatchObject({ error: 'previous_response_not_found', account: made.account });
  expect(received() - owner.counters().received).toBe(others);
  await untilRows(gateway.pool, 'select 1 from gateway.binding where kind = 1 and state = 2 and misses = 1', (rows) => rows.length === 1);
});

test('an id that two accounts claim is refused, and nobody is asked', async () => {
  const made = await turn({});
  await gateway.pool.query("update gateway.binding set account_id = '' where kind = 1");
  await using again = await gateway.reopen();
  const before = received();
  expect(await turn({ previous_response_id: made.id }, {}, { url: again.url })).toMatchObject({ status: 503, error: 'owner_unavailable' });
  expect(received()).toBe(before);
});

test('nor is anybody asked for a call, a compaction or a session to be compacted that two accounts claim', async () => {
  const thread = { 'thread-id': 'thread-1' };
  const called = await turn({ input: [user('call shell')], tools: SHELL, store: false }, thread);
  const compacted = await turn({ input: [user('x')] }, thread, { path: '/v1/responses/compact' });
  const disputed = await gateway.pool.query("update gateway.binding set account_id = '' where kind in (3, 4, 6)");
  expect(disputed.rowCount).toBe(3);
  await using again = await gateway.reopen();
  const before = received();
  const refused = { status: 503, error: 'owner_unavailable' };
  expect(await turn({ input: answered(called), tools: SHELL, store: false }, thread, again)).toMatchObject(refused);
  expect(await turn({ input: [compacted.output.at(-1)!, user('go on')], store: false }, thread, again)).toMatchObject(refused);
  expect(await turn({ input: [user('x')] }, thread, { url: again.url, path: '/v1/responses/compact' })).toMatchObject(refused);
  expect(received()).toBe(before);
  // What any account can go on with still goes on.
  expect(await turn({ store: false }, thread, again)).toMatchObject({ status: 200 });
});

test('ids that lead to different accounts are counted, and the stricter one decides', async () => {
  const made = await turn({});
  const called = await turn({ input: [user('call shell')], tools: SHELL, store: false });
  expect(called.account).not.toBe(made.account);
  expect(await turn({ previous_response_id: made.id, input: answered(called), tools: SHELL })).toMatchObject({ status: 200, account: made.account });
  expect(await gateway.metric('switchyard_affinity_disagreements_total{kind="response"}')).toBe(1);
});

test('what one process has bound, another on the same database finds at once', async () => {
  await using other = await gateway.reopen();
  for (const upstream of gateway.upstreams) upstream.script({ rules: [{ answer: { say: { reasoning: 'hm', text: 'so' } }, times: 'always' }] });
  const urls = [gateway.url, other.url];
  for (let i = 0; i < 20; i++) {
    const [here, there] = [{ url: urls[i % 2]! }, { url: urls[(i + 1) % 2]! }];
    const made = await turn({ include: ['reasoning.encrypted_content'], stream: i % 4 < 2 }, {}, here);
    expect(await turn({ previous_response_id: made.id }, {}, there)).toMatchObject({ status: 200, account: made.account });
    expect(await turn({ store: false, input: [...made.output, user('more')] }, {}, there)).toMatchObject({ status: 200, account: made.account });
  }
});

test('another key continues nothing at another process either', async () => {
  const { key } = await createKey(gateway.gateway.control, { name: 'other', models: null, accounts: null });
  await using other = await gateway.reopen();
  const made = await turn({});
  const before = received();
  expect(await turn({ previous_response_id: made.id }, {}, { url: other.url, key })).toMatchObject({ status: 404, error: 'not_found' });
  expect(received()).toBe(before);
});

/** The decision of a request, once its end has been written. */
async function decisionOf(response: Response): Promise<Readonly<Record<string, unknown>>> {
  const id = response.headers.get('x-switchyard-request-id');
  const [row] = await untilRows<{ decision: Record<string, unknown> }>(
    gateway.pool,
    `select decision from gateway.request where id = '${id}' and ended_at is not null`,
    (rows) => rows.length === 1,
  );
  return row!.decision;
}

const ownerOf = ({ account }: Pick<Turn, 'account'>) => gateway.upstreams['abc'.indexOf(account!)]!;

test('an owner that does not find a response is asked once more, with the turn state that the response came with', async () => {
  for (const [i, upstream] of gateway.upstreams.entries())
    upstream.script({ rules: [{ match: { nth: 1 }, answer: { headers: { 'x-codex-turn-state': `turn-${i}` } } }] });
  const made = await turn({ stream: true });
  const owner = ownerOf(made);
  owner.script({ rules: [{ answer: { preset: 'previous_response_not_found' } }] });
  expect(await turn({ previous_response_id: made.id })).toMatchObject({ status: 200, account: made.account });
  const states = owner.received().map(({ headers }) => headers['x-codex-turn-state']);
  expect(states).toEqual([undefined, undefined, `turn-${'abc'.indexOf(made.account!)}`]);
});

test('an owner that says twice that it does not know a response ends the binding, and nobody else is asked until then (fault row A07)', async () => {
  const made = await turn({});
  const owner = ownerOf(made);
  owner.script({ rules: [{ match: { path: '/v1/responses' }, answer: { preset: 'previous_response_not_found' }, times: 'always' }] });
  const others = received() - owner.counters().received;
  const asked: number[] = [];
  for (let i = 0; i < 2; i++) {
    const before = owner.counters().received;
    expect(await turn({ previous_response_id: made.id })).toMatchObject({ status: 400, error: 'previous_response_not_found', account: made.account });
    asked.push(owner.counters().received - before);
    // Two denials within a second are one.
    gateway.skip(1_100);
  }
  // The second time it was known that it had said so, and one question was enough.
  expect([asked, received() - owner.counters().received]).toEqual([[2, 1], others]);
  expect(await gateway.metric('switchyard_negative_cache_hits_total')).toBe(1);
  await untilRows(gateway.pool, 'select 1 from gateway.binding where kind = 1 and state = 3 and misses = 2', (rows) => rows.length === 1);
  // A client that sends the whole conversation begins anew, wherever there is room.
  owner.clearScript();
  const anew = await gateway.ask('/v1/responses', { model: 'm', input: [user('hello'), user('more')] });
  expect(anew.status).toBe(200);
  await anew.text();
  const again = await gateway.ask('/v1/responses', { model: 'm', input: 'x', previous_response_id: made.id });
  await again.text();
  expect((await decisionOf(again))['affinity']).toMatchObject({ kind: 'response', strength: 'none', state: 'dead', account_id: null });
});

test('a denial that opens a stream counts as one that is a status of its own', async () => {
  const made = await turn({});
  const denial = { code: 'previous_response_not_found', message: 'Previous response not found.' };
  ownerOf(made).script({ rules: [{ answer: { end: { failed: denial }, say: {} }, times: 'always' }] });
  for (let i = 0; i < 2; i++) {
    const denied = await gateway.ask('/v1/responses', { model: 'm', input: 'x', stream: true, previous_response_id: made.id });
    expect([denied.status, denied.headers.get('x-switchyard-account')]).toEqual([200, made.account]);
    expect(await denied.text()).toContain('"previous_response_not_found"');
    // Two denials within a second are one.
    gateway.skip(1_100);
  }
  await untilRows(gateway.pool, 'select 1 from gateway.binding where kind = 1 and state = 3 and misses = 2', (rows) => rows.length === 1);
});

test('fifty turns at once that go on from one response all go to its owner, and no second owner is ever written (fault row A19)', async () => {
  const made = await turn({});
  const turns = await Promise.all(Array.from({ length: 50 }, (_, i) => turn({ previous_response_id: made.id, stream: i % 2 === 0 })));
  expect(new Set(turns.map(({ status, account }) => `${status} ${account}`))).toEqual(new Set([`200 ${made.account}`]));
  const { rows } = await gateway.pool.query('select account_id, epoch from gateway.binding where kind = 1 group by 1, 2');
  expect(rows).toHaveLength(1);
  expect(await gateway.metric('switchyard_binding_disputes_total')).toBe(0);
});

test('what follows a compaction goes where it was made, by session or by turn, also after a restart; and by neither of another key', async () => {
  const compact = { path: '/v1/responses/compact' };
  for (let i = 0; i < 3; i++) {
    const thread = { 'thread-id': `thread-${i}` };
    const compacted = await turn({ input: [user('x')] }, { ...thread, 'x-codex-turn-state': `turn-${i}` }, compact);
    expect(compacted.status).toBe(200);
    const input = [compacted.output.at(-1)!, user('go on')];
    await using again = await gateway.reopen();
    for (const url of [gateway.url, again.url]) {
      expect(await turn({ input, store: false }, thread, { url })).toMatchObject({ status: 200, account: compacted.account });
      expect(await turn({ store: false }, { 'x-codex-turn-state': `turn-${i}` }, { url })).toMatchObject({ status: 200, account: compacted.account });
    }
  }
  expect((await gateway.pool.query('select kind from gateway.binding where kind in (4, 5) group by 1 order by 1')).rows).toEqual([{ kind: 4 }, { kind: 5 }]);
});

test('a compaction that is asked for by the last item of the input goes to the account of its session alone, and binds what follows', async () => {
  const first = await turn({ store: false }, { 'thread-id': 'thread-1' });
  const compacted = await turn({ store: false, stream: true, input: [user('x'), { type: 'compaction_trigger' }] }, { 'thread-id': 'thread-1' });
  expect([compacted.account, compacted.output.map(({ type }) => type)]).toEqual([first.account, ['compaction']]);
  const owner = ownerOf(first);
  owner.script({ rules: [{ answer: { preset: '500' }, times: 'always' }] });
  const others = received() - owner.counters().received;
  for (const input of [
    [user('x'), { type: 'compaction_trigger' }],
    [...compacted.output, user('go on')],
  ])
    expect(await turn({ store: false, input }, { 'thread-id': 'thread-1' })).toMatchObject({ status: 500, account: first.account });
  expect(received() - owner.counters().received).toBe(others);
});

test('a file goes with the account that took it: what reads it, what names it, and nobody with another key', async () => {
  for (const [i, upstream] of gateway.upstreams.entries())
    upstream.script({
      rules: [
        { match: { method: 'POST', path: '/v1/files' }, answer: { body: { object: 'file', id: `file-${i}`, bytes: 3 } }, times: 'always' },
        { match: { path: `/v1/files/file-${i}*` }, answer: { body: { id: `file-${i}` } }, times: 'always' },
      ],
    });
  const { key } = await createKey(gateway.gateway.control, { name: 'other', models: null, accounts: null });
  for (let n = 0; n < 4; n++) {
    const upload = new FormData();
    upload.set('file', new Blob(['abc']), 'a.txt');
    const made = await fetch(`${gateway.url}/v1/files`, { method: 'POST', headers: { authorization: `Bearer ${KEY}` }, body: upload });
    const { id } = (await made.json()) as { id: string };
    const account = made.headers.get('x-switchyard-account');
    expect(id).toBe(`file-${'abc'.indexOf(account!)}`);
    for (const path of ['', '/content']) {
      const read = await gateway.ask(`/v1/files/${id}${path}`);
      expect([read.status, read.headers.get('x-switchyard-account'), await read.json()]).toEqual([200, account, { id }]);
    }
    const naming = { input: [{ type: 'message', role: 'user', content: [{ type: 'input_file', file_id: id }] }], store: false };
    expect(await turn(naming)).toMatchObject({ status: 200, account });
    const before = received();
    expect(await turn(naming, {}, { key })).toMatchObject({ status: 404, error: 'not_found' });
    expect((await fetch(`${gateway.url}/v1/files/${id}`, { headers: { authorization: `Bearer ${key}` } })).status).toBe(404);
    expect(received()).toBe(before);
  }
});

test.each([1, 2])('a file of another key cannot be named, with %i accounts, in any place or spelling', async (accounts) => {
  await using few = await openTestGateway(accounts);
  for (const [i, upstream] of few.upstreams.entries())
    upstream.script({
      rules: [{ match: { method: 'POST', path: '/v1/files' }, answer: { body: { object: 'file', id: `file-abc${i}`, bytes: 3 } }, times: 'always' }],
    });
  const { key } = await createKey(few.gateway.control, { name: 'other', models: null, accounts: null });
  const upload = new FormData();
  upload.set('file', new Blob(['abc']), 'a.txt');
  const made = await fetch(`${few.url}/v1/files`, { method: 'POST', headers: { authorization: `Bearer ${KEY}` }, body: upload });
  const { id } = (await made.json()) as { id: string };
  const file = (name: string) => ({ type: 'input_file', file_id: name });
  const input = (files: readonly object[]) => [{ type: 'message', role: 'user', content: files }];
  const plain = { model: 'm', store: false, input: input([file(id)]) };
  const ways: [string, string | object][] = [
    ['/v1/responses', plain],
    ['/v1/responses', { ...plain, input: input([...Array.from({ length: 20 }, (_, i) => file(`file-own${i}`)), file(id)]) }],
    ['/v1/responses', JSON.stringify(plain).replace('file-abc', 'file\\u002dabc')],
    ['/v1/responses', JSON.stringify(plain).replace('file_id', 'file\\u005fid')],
    ['/v1/responses', { ...plain, input: 'x', tools: [{ type: 'code_interpreter', container: { type: 'auto', file_ids: ['file-own', id] } }] }],
    ['/v1/responses/input_tokens', plain],
    ['/v1/chat/completions', { model: 'm', messages: [{ role: 'user', content: [{ type: 'file', file: { file_id: id } }] }] }],
    ['/v1/vector_stores/vs_1/files', { file_id: id }],
    ['/v1/batches', { input_file_id: id, endpoint: '/v1/responses' }],
  ];
  const asked = (): number => few.upstreams.reduce((sum, upstream) => sum + upstream.counters().received, 0);
  const before = asked();
  for (const [path, body] of ways) {
    const refused = await few.ask(path, body, { headers: { authorization: `Bearer ${key}` } });
    expect([path, refused.status, await refused.json()]).toMatchObject([path, 404, { error: { code: 'not_found', param: 'file_id' } }]);
  }
  expect(asked()).toBe(before);
  for (const [path, body] of ways) {
    const own = await few.ask(path, body);
    expect([path, own.headers.get('x-switchyard-account')]).toEqual([path, made.headers.get('x-switchyard-account')]);
    await own.text();
  }
});

test('a conversation object goes with the account that made it', async () => {
  for (const [i, upstream] of gateway.upstreams.entries())
    upstream.script({
      rules: [
        { match: { method: 'POST', path: '/v1/conversations' }, answer: { body: { id: `conv_${i}`, object: 'conversation' } }, times: 'always' },
        { match: { path: `/v1/conversations/conv_${i}*` }, answer: { body: { id: `conv_${i}` } }, times: 'always' },
      ],
    });
  const { key } = await createKey(gateway.gateway.control, { name: 'other', models: null, accounts: null });
  const made = await gateway.ask('/v1/conversations', {});
  const { id } = (await made.json()) as { id: string };
  const account = made.headers.get('x-switchyard-account');
  for (let n = 0; n < 3; n++) {
    expect(await turn({ conversation: n === 0 ? id : { id }, store: false })).toMatchObject({ status: 200, account });
    const items = await gateway.ask(`/v1/conversations/${id}/items`);
    expect([items.status, items.headers.get('x-switchyard-account')]).toEqual([200, account]);
    await items.text();
  }
  const before = received();
  expect(await turn({ conversation: id }, {}, { key })).toMatchObject({ status: 404, error: 'not_found' });
  expect(received()).toBe(before);
});

test('the decision says by what a request belonged to its account, also when nobody could be asked', async () => {
  const made = await turn({});
  const { rows } = await gateway.pool.query<{ id: string }>(`select id from gateway.account where name = '${made.account}'`);
  const follow = await gateway.ask('/v1/responses', { model: 'm', input: 'x', previous_response_id: made.id });
  await follow.text();
  const hard = { kind: 'response', strength: 'hard', account_id: rows[0]!.id, found_in: 'memory' };
  expect((await decisionOf(follow))['affinity']).toEqual({ ...hard, state: 'warm' });
  await using again = await gateway.reopen();
  const fresh = await turn({});
  const read = await fetch(`${again.url}/v1/responses/${fresh.id}`, { headers: { authorization: `Bearer ${KEY}` } });
  await read.text();
  expect((await decisionOf(read))['affinity']).toMatchObject({ kind: 'response', strength: 'hard' });
  await gateway.pool.query("update gateway.binding set account_id = '' where kind = 1");
  await using third = await gateway.reopen();
  const refused = await fetch(`${third.url}/v1/responses/${made.id}`, { headers: { authorization: `Bearer ${KEY}` } });
  expect(refused.status).toBe(503);
  await refused.text();
  expect(await decisionOf(refused)).toMatchObject({ attempts: [], affinity: { kind: 'response', strength: 'hard', account_id: null } });
});
