import { connectSocket } from '@switchyard/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createKey } from '../src/index.ts';
import { KEY, openTestGateway, untilRows } from './open-test-gateway.ts';
import type { OtherGateway, TestGateway } from './open-test-gateway.ts';

// Why there was no account for a request: product section 3, "Every choice is explained".

let first: TestGateway;
let opened: AsyncDisposableStack;
beforeEach(() => {
  opened = new AsyncDisposableStack();
});
afterEach(() => opened.disposeAsync());

async function open(accounts: number, perAccount?: number): Promise<void> {
  first = opened.use(await openTestGateway(accounts, {}, perAccount === undefined ? {} : { perAccount }));
}

interface Refused {
  readonly status: number;
  readonly code: string | undefined;
  /** What the client got of `id`s. */
  readonly responseId: string;
  readonly id: string;
}

type Where = Pick<OtherGateway, 'url' | 'gateway'>;

async function ask(body: object = {}, key = KEY, { url }: Pick<Where, 'url'> = first): Promise<Refused> {
  const response = await fetch(`${url}/v1/responses`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'm', input: 'hello', ...body }),
  });
  const answer = (await response.json()) as { id?: string; error?: { code?: string } | null };
  return {
    status: response.status,
    code: answer.error?.code,
    responseId: answer.id ?? '',
    id: (response.headers.get('x-switchyard-request-id') ?? response.headers.get('x-request-id'))!,
  };
}

async function decisionOf(id: string, { gateway }: Where = first): Promise<Record<string, unknown>> {
  await untilRows(first.pool, `select 1 from gateway.request where id = '${id}' and ended_at is not null`, (rows) => rows.length === 1);
  const response = await gateway.adminApi.request(`/api/decisions/${id}`);
  return ((await response.json()) as { decision: Record<string, unknown> }).decision;
}

/** Why a request that has just been refused was sent to nobody. */
async function whyNobody(id: string, where: Where = first): Promise<unknown> {
  const { attempts, unserved } = await decisionOf(id, where);
  expect(attempts).toEqual([]);
  return unserved;
}

const RESETS_AT_S = Math.floor(Date.now() / 1_000) + 3_600;
const out = (resetsAt: number) =>
  ({ rules: [{ times: 'always', answer: { status: 429, body: { error: { type: 'usage_limit_reached', message: 'limit', resets_at: resetsAt } } } }] }) as const;
/** Matches a moment, which blocks keep to the millisecond. */
const near = (atS: number): unknown => expect.toSatisfy((iso: string) => Math.abs(Date.parse(iso) - atS * 1_000) <= 1_000, `at ${atS} s`);
const received = (): number => first.upstreams.reduce((sum, upstream) => sum + upstream.counters().received, 0);

/** Has accounts refuse for their quota, the first of them until `RESETS_AT_S`, each next one for a minute longer. */
async function useUp(...which: number[]): Promise<void> {
  for (const [n, at] of which.entries()) first.upstreams[at]!.script(out(RESETS_AT_S + n * 60));
  expect((await ask()).status).toBe(429);
}

test('with every account out of quota the decision says so, of how many, and when the first is back', async () => {
  await open(2);
  await useUp(0, 1);
  const before = received();
  const refused = await ask();
  expect(refused).toMatchObject({ status: 429, code: 'quota_exhausted' });
  expect(received()).toBe(before);
  expect(await whyNobody(refused.id)).toEqual({
    reason: 'out_of_quota',
    account: null,
    back_at: near(RESETS_AT_S),
    looked_in: [{ pool: 'default', candidates: 2, skipped: { quota_blocked: 2 } }],
  });
});

test('so it does of a pool and of the one that stands in for it, each by itself', async () => {
  await open(3);
  const gateway = opened.use(await first.reopen('[pools.team]\naccounts = ["b"]\nfallback = ["backup"]\n[pools.backup]\naccounts = ["b", "c"]\n'));
  const { key } = await createKey(gateway.gateway.control, { name: 'team', models: null, accounts: null, pool: 'team' });
  first.upstreams[1]!.script(out(RESETS_AT_S));
  first.upstreams[2]!.script(out(RESETS_AT_S - 600));
  expect((await ask({}, key, gateway)).status).toBe(429);
  const refused = await ask({}, key, gateway);
  expect(refused).toMatchObject({ status: 429, code: 'quota_exhausted' });
  expect(await decisionOf(refused.id, gateway)).toMatchObject({
    pool: 'team',
    unserved: {
      reason: 'out_of_quota',
      back_at: near(RESETS_AT_S - 600),
      looked_in: [
        { pool: 'team', candidates: 1, skipped: { quota_blocked: 1 } },
        { pool: 'backup', candidates: 2, skipped: { quota_blocked: 2 } },
      ],
    },
  });
});

test('with every account full, also of the owner that a conversation waits for', async () => {
  await open(1, 1);
  const { responseId } = await ask();
  first.upstreams[0]!.script({ rules: [{ times: 'always', answer: { hold: { at: 'before_head', gate: 'go' } } }] });
  const running = ask();
  await expect.poll(() => first.metric('switchyard_upstream_in_flight')).toBe(1);
  const refusedFor = async (body: object): Promise<unknown> => {
    const late = ask(body);
    await expect.poll(() => first.metric('switchyard_account_waiting')).toBe(1);
    first.skip(750);
    const refused = await late;
    expect(refused).toMatchObject({ status: 503, code: 'server_is_overloaded' });
    return whyNobody(refused.id);
  };
  expect(await refusedFor({})).toEqual({
    reason: 'full',
    account: null,
    back_at: null,
    looked_in: [{ pool: 'default', candidates: 1, skipped: { hard_full: 1 } }],
  });
  expect(await refusedFor({ previous_response_id: responseId })).toEqual({ reason: 'owner_full', account: 'a', back_at: null, looked_in: [] });
  first.upstreams[0]!.release('go');
  await running;
});

test('what nobody serves, and what only this key may not use, look the same to its client and not to the operator', async () => {
  await open(2);
  const gateway = opened.use(await first.reopen('[aliases]\nfast = "gone"\n'));
  const { control } = gateway.gateway;
  const reasonOf = async (body: object, key?: string): Promise<unknown> => {
    const refused = await ask(body, key, gateway);
    expect(refused).toMatchObject({ status: 404, code: 'model_not_found' });
    return whyNobody(refused.id, gateway);
  };
  expect(await reasonOf({ model: 'nobody-has-this' })).toEqual({ reason: 'model_not_served', account: null, back_at: null, looked_in: [] });
  const alias = await ask({ model: 'fast' }, KEY, gateway);
  expect(await decisionOf(alias.id, gateway)).toMatchObject({ alias_for: 'gone', unserved: { reason: 'model_not_served' } });
  const held = await createKey(control, { name: 'held', models: ['other'], accounts: null });
  expect(await reasonOf({}, held.key)).toMatchObject({ reason: 'model_not_for_key' });
  await first.pool.query(`update gateway.account set models = '{only-b}' where name = 'b'`);
  await control.applied();
  const barred = await createKey(control, { name: 'barred', models: null, accounts: ['a'] });
  expect(await reasonOf({ model: 'only-b' }, barred.key)).toMatchObject({
    reason: 'accounts_not_for_key',
    looked_in: [{ pool: 'default', candidates: 1, skipped: { key_may_not: 1 } }],
  });
});

test('a pool that is not declared here', async () => {
  await open(1);
  const gateway = opened.use(await first.reopen('[pools.team]\n'));
  const { key } = await createKey(gateway.gateway.control, { name: 'team', models: null, accounts: null, pool: 'team' });
  const undeclared = await ask({}, key);
  expect(undeclared).toMatchObject({ status: 503, code: 'no_account_available' });
  expect(await decisionOf(undeclared.id)).toMatchObject({ pool: 'team', unserved: { reason: 'pool_not_declared' } });
});

test('an owner that is out of quota, gone, or not for this key is named where it has a name', async () => {
  await open(2);
  const { responseId, id } = await ask();
  const { attempts } = (await decisionOf(id)) as { attempts: readonly { account: string; account_id: string }[] };
  const { account, account_id: accountId } = attempts[0]!;
  const at = 'ab'.indexOf(account);
  const goOn = { previous_response_id: responseId };
  first.upstreams[at]!.script(out(RESETS_AT_S));
  expect((await ask(goOn)).status).toBe(429);
  const exhausted = await ask(goOn);
  expect(exhausted).toMatchObject({ status: 429, code: 'owner_unavailable' });
  expect(await decisionOf(exhausted.id)).toMatchObject({
    affinity: { kind: 'response', account_id: accountId },
    unserved: { reason: 'owner_out_of_quota', account, back_at: near(RESETS_AT_S), looked_in: [] },
  });

  // The binding is the key's; only what the key may use has changed.
  await first.pool.query(`update gateway.key set accounts = (select array_agg(id) from gateway.account where id <> $1)`, [accountId]);
  await first.gateway.control.applied();
  const barred = await ask(goOn);
  expect(barred).toMatchObject({ status: 404, code: 'not_found' });
  expect(await whyNobody(barred.id)).toMatchObject({ reason: 'owner_not_for_key', account });
  await first.pool.query('update gateway.key set accounts = null');

  await first.pool.query(`update gateway.account set sealed_headers = '\\x00' where id = $1`, [accountId]);
  await first.gateway.control.applied();
  const gone = await ask(goOn);
  expect(gone).toMatchObject({ status: 503, code: 'owner_unavailable' });
  expect(await decisionOf(gone.id)).toMatchObject({ affinity: { account_id: accountId }, unserved: { reason: 'owner_gone', account: null } });

  await first.pool.query("update gateway.binding set account_id = '' where kind = 1");
  await using again = await first.reopen();
  const claimed = await ask(goOn, KEY, again);
  expect(await whyNobody(claimed.id, again)).toMatchObject({ reason: 'owner_claimed_twice', account: null });
});

test('a turn over WebSocket says it as a request does, and when HTTP is the way', async () => {
  await open(2);
  await first.pool.query(`update gateway.account set websocket = false where name = 'b'`);
  await first.gateway.control.applied();
  first.upstreams[0]!.script({ rules: [{ times: 'always', answer: { preset: 'usage_limit_reached' } }] });
  const refusedTurn = async (body: object): Promise<unknown> => {
    await using client = await connectSocket(first.url, { authorization: `Bearer ${KEY}` });
    client.create({ input: 'hello', ...body });
    const { error } = (await client.next('error')) as unknown as { error: { request_id: string } };
    return whyNobody(error.request_id);
  };
  expect(await refusedTurn({ model: 'nobody-has-this' })).toMatchObject({ reason: 'model_not_served' });
  {
    await using client = await connectSocket(first.url, { authorization: `Bearer ${KEY}` });
    client.create({ input: 'uses it up' });
    await client.next('error');
  }
  expect(await refusedTurn({})).toMatchObject({ reason: 'not_over_websocket' });
});

test('a request that is refused for something else, or answered, has no such reason', async () => {
  await open(1);
  const served = await ask();
  expect(served.status).toBe(200);
  expect(await decisionOf(served.id)).toMatchObject({ unserved: null });
  const wrong = await ask({ stream: 'yes' });
  expect(wrong.status).toBe(400);
  expect(await decisionOf(wrong.id)).toBeNull();
});
