import { createHash } from 'node:crypto';
import { connectSocket } from '@switchyard/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createKey } from '../src/index.ts';
import { KEY, openTestGateway, untilRows } from './open-test-gateway.ts';
import type { OtherGateway, TestGateway } from './open-test-gateway.ts';

let first: TestGateway;
let opened: AsyncDisposableStack;
beforeEach(async () => {
  opened = new AsyncDisposableStack();
  first = opened.use(await openTestGateway(3));
});
afterEach(() => opened.disposeAsync());

/** A gateway on the same accounts a, b and c, with this in its switchyard.toml. */
async function open(toml: string): Promise<OtherGateway> {
  return opened.use(await first.reopen(toml));
}

interface Answered {
  readonly status: number;
  readonly account: string | null;
  readonly body: { readonly error?: { readonly code: string }; readonly output?: readonly Readonly<Record<string, unknown>>[] };
  readonly id: string;
}

async function ask(gateway: OtherGateway, key: string, body: object | string = {}): Promise<Answered> {
  const response = await fetch(`${gateway.url}/v1/responses`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify({ model: 'm', input: 'hello', ...body }),
  });
  return {
    status: response.status,
    account: response.headers.get('x-switchyard-account'),
    body: (await response.json()) as Answered['body'],
    id: response.headers.get('x-switchyard-request-id')!,
  };
}

async function decisionOf(gateway: OtherGateway, { id }: Answered): Promise<Record<string, unknown>> {
  await untilRows(first.pool, `select 1 from gateway.request where id = '${id}' and ended_at is not null`, (rows) => rows.length === 1);
  const response = await gateway.gateway.adminApi.request(`/api/decisions/${id}`);
  return ((await response.json()) as { decision: Record<string, unknown> }).decision;
}

async function keyFor(gateway: OtherGateway, pool: string): Promise<string> {
  return (await createKey(gateway.gateway.control, { name: pool, models: null, accounts: null, pool })).key;
}

async function modelsFor(gateway: OtherGateway, key: string): Promise<string[]> {
  const response = await fetch(`${gateway.url}/v1/models`, { headers: { authorization: `Bearer ${key}` } });
  return ((await response.json()) as { data: { id: string }[] }).data.map(({ id }) => id);
}

const out = { rules: [{ times: 'always', answer: { preset: 'usage_limit_reached' } }] } as const;
const received = (): number[] => first.upstreams.map((upstream) => upstream.counters().received);

test('a key is served by its pool, then by those that stand in, and the decision names them', async () => {
  const gateway = await open('[pools.team]\naccounts = ["b"]\nfallback = ["backup"]\n[pools.backup]\naccounts = ["c"]\nstrategy = "drain_first"\n');
  const key = await keyFor(gateway, 'team');
  expect((await ask(gateway, key)).account).toBe('b');
  first.upstreams[1]!.script(out);
  const stoodIn = await ask(gateway, key);
  expect(stoodIn.account).toBe('c');
  expect(await decisionOf(gateway, stoodIn)).toMatchObject({
    pool: 'team',
    alias_for: null,
    attempts: [
      { account: 'b', pool: 'team', strategy: 'balance', candidates: 1 },
      { account: 'c', pool: 'backup', strategy: 'drain_first', verdict: 'relayed' },
    ],
  });
  first.upstreams[2]!.script(out);
  expect((await ask(gateway, key)).status).toBe(429);
  expect(await ask(gateway, key)).toMatchObject({ status: 429, body: { error: { code: 'quota_exhausted' } } });
  // The other account is not in a pool of this key, whatever its quota.
  expect(received()[0]).toBe(0);
  expect((await ask(gateway, KEY)).account).toBe('a');
});

test('a pool that a server does not declare serves nobody there, and no key can be made for one', async () => {
  const gateway = await open('[pools.team]\naccounts = ["b"]\n');
  const key = await keyFor(gateway, 'team');
  const refused = await first.ask('/v1/responses', { model: 'm', input: 'x' }, { headers: { authorization: `Bearer ${key}` } });
  expect([refused.status, ((await refused.json()) as Answered['body']).error?.code]).toEqual([503, 'no_account_available']);
  await expect(keyFor(gateway, 'taem')).rejects.toThrow('There is no pool "taem": declared are team.');
  expect(received()).toEqual([0, 0, 0]);
});

test('a conversation of a pool stays where it began after the account has left the pool', async () => {
  const before = await open('[pools.team]\naccounts = ["b"]\n');
  const key = await keyFor(before, 'team');
  const { body } = (await ask(before, key)) as Answered & { body: { id: string } };
  const after = await open('[pools.team]\naccounts = ["c"]\n');
  expect((await ask(after, key)).account).toBe('c');
  expect((await ask(after, key, { previous_response_id: body.id })).account).toBe('b');
});

test('an alias and the map of an account change the name of the model in the request, and not another byte', async () => {
  await first.pool.query(`update gateway.account set model_map = '{"gpt-5.5": "prod \\"gpt\\""}' where name = 'b'`);
  const gateway = await open('[aliases]\nfast = "gpt-5.5"\nother = "m"\n[pools.a]\naccounts = ["a"]\n');
  const text = (model: string): string => `{ "input":"h\\u00e9 \u{1F600}", "model" : ${model} ,"x":1.0 }`;
  for (const name of ['fast', 'gpt-5.5']) {
    const answer = await ask(gateway, KEY, text(JSON.stringify(name)));
    expect([answer.status, answer.account]).toEqual([200, 'b']);
    const sent = first.upstreams[1]!.received().at(-1)!;
    expect(sent.bodySha256).toBe(createHash('sha256').update(text('"prod \\"gpt\\""')).digest('hex'));
    expect(await decisionOf(gateway, answer)).toMatchObject({
      pool: 'default',
      alias_for: name === 'fast' ? 'gpt-5.5' : null,
      attempts: [{ account: 'b', sent_model: 'prod "gpt"' }],
    });
  }
  const plain = await ask(gateway, KEY, text('"m"'));
  const hashes = first.upstreams.flatMap((upstream) => upstream.received().map(({ bodySha256 }) => bodySha256));
  expect(hashes).toContain(createHash('sha256').update(text('"m"')).digest('hex'));
  expect(await decisionOf(gateway, plain)).toMatchObject({ alias_for: null, attempts: [{ sent_model: null }] });

  expect(await modelsFor(gateway, KEY)).toEqual(['fast', 'gpt-5.5', 'm', 'other']);
  expect(await modelsFor(gateway, await keyFor(gateway, 'a'))).toEqual(['m', 'other']);
  const held = await createKey(gateway.gateway.control, { name: 'held', models: ['fast'], accounts: null });
  expect(await modelsFor(gateway, held.key)).toEqual(['fast']);
  expect((await ask(gateway, held.key, { model: 'fast' })).status).toBe(200);
  expect(await ask(gateway, held.key, { model: 'm' })).toMatchObject({ status: 404, body: { error: { code: 'model_not_found' } } });

  await using client = await connectSocket(gateway.url, { authorization: `Bearer ${KEY}` });
  client.create({ model: 'fast', input: 'over a socket' });
  await client.next('response.completed');
  expect(first.upstreams[1]!.received().at(-1)!.body).toMatchObject({ model: 'prod "gpt"', input: 'over a socket' });
});

test('a conversation with sealed items leaves an account that is out of quota where its pool says so, and never one that it continues', async () => {
  const gateway = await open('[pools.default]\non_owner_exhausted = "move"\n[pools.stays]\n');
  for (const upstream of first.upstreams) upstream.script({ rules: [{ answer: { say: { reasoning: 'hm', text: 'so' } } }] });
  const thinking = { include: ['reasoning.encrypted_content'], store: false };
  const user = (content: string): object => ({ role: 'user', content });
  const made = await ask(gateway, KEY, { ...thinking, input: [user('think')] });
  const owner = made.account!;
  const input = [user('think'), ...made.body.output!, user('more')];
  const at = 'abc'.indexOf(owner);
  for (const upstream of first.upstreams) upstream.clearScript();
  first.upstreams[at]!.script(out);
  // Another upstream here cannot open what the first has sealed, and says so; but it was asked.
  const moved = await ask(gateway, KEY, { ...thinking, input });
  expect([moved.account === owner, moved.status]).toEqual([false, 400]);
  expect(await decisionOf(gateway, moved)).toMatchObject({
    affinity: { kind: 'encrypted', moved: true },
    attempts: [
      { account: owner, chosen_by: 'owner', upstream_code: 'usage_limit_reached' },
      { account: moved.account, chosen_by: 'choice' },
    ],
  });
  const again = await ask(gateway, KEY, { ...thinking, input });
  expect(again.account).not.toBe(owner);
  expect(await decisionOf(gateway, again)).toMatchObject({ affinity: { moved: true }, attempts: [{ chosen_by: 'choice' }] });
  const asked = received();
  expect(await ask(gateway, KEY, { ...thinking, input, previous_response_id: (made.body as { id?: string }).id })).toMatchObject({ status: 429 });
  expect(received()).toEqual(asked);
});

test('explaining tells the pool that would be asked, and for sockets only of accounts that speak it', async () => {
  await first.pool.query(`update gateway.account set websocket = false where name <> 'c'`);
  const gateway = await open('[pools.team]\naccounts = ["b"]\nfallback = ["rest"]\n[pools.rest]\n[aliases]\nfast = "m"\n');
  const { id } = await createKey(gateway.gateway.control, { name: 'team', models: null, accounts: null, pool: 'team' });
  const explained = async (body: object): Promise<unknown> => {
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
    return (await gateway.gateway.adminApi.request('/api/explain', init)).json();
  };
  expect(await explained({ model: 'fast', key: id })).toMatchObject({ winner: 'b', pool: 'team', candidates: 1, left_out: 0 });
  expect(await explained({ model: 'fast', key: 'team' })).toMatchObject({ winner: 'b', pool: 'team' });
  expect(await explained({ model: 'fast', key: id, lane: 'websocket' })).toMatchObject({ winner: 'c', pool: 'rest', candidates: 1 });
  expect(await explained({ model: 'fast' })).toMatchObject({ winner: 'a', pool: 'default', candidates: 3 });
});
