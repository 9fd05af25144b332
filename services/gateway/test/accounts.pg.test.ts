import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { migrate } from '@switchyard/database';
import { connectSocket, recordingLogger, temporaryHome, testDatabase } from '@switchyard/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { GATEWAY_MIGRATIONS, addAccount, removeAccount, showAccounts, testAccount } from '../src/index.ts';
import type { AccountDraft, Control } from '../src/index.ts';
import { AccountRegistry } from '../src/accounts/account-registry.ts';
import { LiveFigures } from '../src/choice/live-figures.ts';
import { askModels, declareAccount } from '../src/use/accounts.ts';
import { KEY, openTestGateway, untilRows } from './open-test-gateway.ts';
import type { TestGateway } from './open-test-gateway.ts';

const SECRET = 'api-key-value-not-a-secret';
let gateway: TestGateway;
let control: Control;
beforeEach(async () => {
  gateway = await openTestGateway(1);
  ({ control } = gateway.gateway);
});
afterEach(() => gateway[Symbol.asyncDispose]());

/** An account at the upstream of account `a`, for a model of its own. */
function draft(name: string): AccountDraft {
  return {
    name,
    kind: 'openai-compatible',
    baseUrl: `${gateway.upstreams[0]!.url}/v1`,
    credential: null,
    models: [`model-of-${name}`],
    priority: 100,
    organization: null,
    websocket: false,
    project: null,
    headers: { 'api-key': SECRET, 'x-team': 'blue' },
    maxInFlight: null,
    softInFlight: null,
    reservePercent: 0,
    modelMap: {},
  };
}

async function names(): Promise<string[]> {
  return (await showAccounts(control)).map(({ name }) => name).sort();
}

/** What the process under test would load, with its log. */
function registry(from: Pick<Control, 'db' | 'vault'> = control): { readonly registry: AccountRegistry; readonly log: ReturnType<typeof recordingLogger> } {
  const log = recordingLogger();
  return {
    registry: new AccountRegistry({
      db: from.db,
      vault: from.vault,
      live: new LiveFigures({ nowMs: () => 0, wallClockMs: () => 0 }),
      nowMs: () => 0,
      connectTimeoutMs: 1_000,
      faults: null,
      log,
    }),
    log,
  };
}

test('header values of an account are sent, and are nowhere in the database but sealed', async () => {
  const added = await addAccount(control, draft('own'));
  expect(added.header_names).toEqual(['api-key', 'x-team']);
  const answer = await gateway.ask('/v1/chat/completions', { model: 'model-of-own', messages: [] });
  expect([answer.status, answer.headers.get('x-switchyard-account')]).toEqual([200, 'own']);
  expect(gateway.upstreams[0]!.received({ full: true }).at(-1)!.headers).toMatchObject({ 'api-key': SECRET, 'x-team': 'blue' });

  // Text and bytes alike: `\x…` of the sealed column would spell a plain value out in hexadecimal.
  const { rows } = await gateway.pool.query<{ row: string }>('select account::text as row from gateway.account');
  const stored = rows.map(({ row }) => row).join('\n');
  expect(stored).toContain('api-key');
  expect(stored).not.toContain(SECRET);
  expect(stored).not.toContain(Buffer.from(SECRET).toString('hex'));
});

test('header values are there again after a restart and for a test with the server stopped', async () => {
  const { id } = await addAccount(control, draft('own'));
  const { registry: other } = registry();
  await other.load();
  expect(other.snapshot.byId.get(id)!.headers).toEqual(['api-key', SECRET, 'x-team', 'blue']);
  await other.close();
  await testAccount(control, 'own', () => 0, null);
  expect(gateway.upstreams[0]!.received({ full: true }).at(-1)!.headers).toMatchObject({ 'api-key': SECRET });
});

test('of all accounts only those that have changed are read and opened again', async () => {
  const [first, own] = [await addAccount(control, draft('first')), await addAccount(control, draft('own'))];
  const read: unknown[] = [];
  const opened: string[] = [];
  const db = control.db.withPlugin({
    transformQuery: ({ node }) => node,
    transformResult: async ({ result }) => {
      read.push(...result.rows.filter((row) => 'credential' in row).map(({ name }) => name));
      return result;
    },
  });
  const open: typeof control.vault.open = (sealed, place) => {
    opened.push(place);
    return control.vault.open(sealed, place);
  };
  const since = (): unknown[] => [read.splice(0), opened.splice(0)];
  const { registry: other } = registry({ db, vault: { ...control.vault, open } });
  await other.load();
  const { id } = [...other.snapshot.byId.values()].find(({ name }) => name === 'a')!;
  expect(since()).toEqual([
    ['a', 'first', 'own'],
    [`account:${id}:credential`, `account:${first.id}:headers`, `account:${own.id}:headers`],
  ]);
  const before = other.snapshot;
  await other.load();
  expect(since()).toEqual([[], []]);
  expect(other.snapshot).toBe(before);

  await gateway.pool.query('update gateway.account set priority = 50 where id = any($1)', [[first.id, own.id]]);
  await other.load([own.id]);
  expect(since()).toEqual([['own'], [`account:${own.id}:headers`]]);
  expect([first, own].map((each) => other.snapshot.byId.get(each.id)?.priority)).toEqual([100, 50]);
  expect(other.snapshot.byId.get(id)).toBe(before.byId.get(id));
  await other.load();
  expect(since()).toEqual([['first'], [`account:${first.id}:headers`]]);

  await gateway.pool.query('delete from gateway.account where id = $1', [own.id]);
  await other.load([first.id]);
  expect(other.known.has(own.id)).toBe(true);
  await other.load([own.id]);
  expect([other.known.has(own.id), other.snapshot.byId.has(own.id), since()]).toEqual([false, false, [[], []]]);
  await other.close();
});

test('sealed headers moved to another account do not open there', async () => {
  const lender = await addAccount(control, draft('lender'));
  const borrower = await addAccount(control, draft('borrower'));
  await gateway.pool.query('update gateway.account set sealed_headers = (select sealed_headers from gateway.account where id = $1) where id = $2', [
    lender.id,
    borrower.id,
  ]);
  const { registry: other, log } = registry();
  await other.load();
  expect(other.snapshot.byId.has(lender.id)).toBe(true);
  expect(other.snapshot.byId.has(borrower.id)).toBe(false);
  expect(log.records.map((record) => record.event)).toContain('account_credential_unreadable');
  await other.close();
});

test('rows from before headers were sealed keep names without values, and are left out until they are added again', async () => {
  await using stack = new AsyncDisposableStack();
  const home = stack.use(await temporaryHome());
  const log = recordingLogger();
  const { connection, pool } = stack.use(await testDatabase({ sets: [] }));
  const directory = join(home.path, 'first');
  mkdirSync(directory);
  const first = '0001-accounts-keys-requests.sql';
  copyFileSync(join(GATEWAY_MIGRATIONS.directory, first), join(directory, first));
  await migrate({ connection, sets: [{ service: 'gateway', directory }], log });
  await pool.query(`insert into gateway.account (id, name, kind, source, base_url, models_from, headers) values
    ('acct_1', 'with', 'openai-compatible', 'api', 'http://127.0.0.1:9/v1', 'given', '{"x-b": "${SECRET}", "api-key": "k"}'),
    ('acct_2', 'without', 'openai-compatible', 'api', 'http://127.0.0.1:9/v1', 'given', '{}')`);
  await migrate({ connection, sets: [GATEWAY_MIGRATIONS], log });
  const { rows } = await pool.query<{ name: string; header_names: string[]; row: string }>(
    'select name, header_names, account::text as row from gateway.account order by name',
  );
  expect(rows).toMatchObject([
    { name: 'with', header_names: ['api-key', 'x-b'] },
    { name: 'without', header_names: [] },
  ]);
  expect(rows[0]!.row).not.toContain(SECRET);

  // The same state in the database that the gateway has at hand.
  const { id } = await addAccount(control, draft('own'));
  await gateway.pool.query('update gateway.account set sealed_headers = null where id = $1', [id]);
  const { registry: other, log: said } = registry();
  await other.load();
  expect(other.snapshot.byId.has(id)).toBe(false);
  const line = said.records.find((record) => record.event === 'account_credential_unreadable');
  expect(line?.fields.error).toMatchObject({ message: expect.stringContaining('headers api-key, x-team are not stored') as string });
  await other.close();
});

test('a declared account stays while it is declared, and can be removed once it is not', async () => {
  const declared = new Set(['filed', 'sandbox']);
  const here: Control = { ...control, declaredNames: () => declared };
  await declareAccount(here, draft('filed'), 'file', ['x']);
  await declareAccount(here, { ...draft('sandbox'), kind: 'sandbox', headers: {} }, 'builtin', ['sandbox']);
  await expect(removeAccount(here, 'filed')).rejects.toMatchObject({ code: 'held_by_file', message: expect.stringContaining('switchyard.toml') as string });
  await expect(removeAccount(here, 'sandbox')).rejects.toMatchObject({ code: 'held_by_file', message: expect.stringContaining('gateway.sandbox') as string });
  expect(await names()).toEqual(['a', 'filed', 'sandbox']);
  declared.clear();
  await removeAccount(here, 'filed');
  await removeAccount(here, 'sandbox');
  expect(await names()).toEqual(['a']);
});

test('a running server knows what it declares: a row that only an earlier start declared can go', async () => {
  await declareAccount(control, draft('gone'), 'file', ['x']);
  await removeAccount(control, 'gone');
  expect(await names()).toEqual(['a']);
});

// Unless it is let go, it would be asked for 10 s.
test('an upstream that is being asked for its models is let go when the gateway closes', { timeout: 8_000 }, async () => {
  const [upstream] = gateway.upstreams;
  upstream!.script({ rules: [{ answer: { hold: { at: 'before_head' } } }] });
  const closing = await gateway.reopen();
  const adding = addAccount(closing.gateway.control, { ...draft('silent'), models: null });
  const refused = adding.catch((error: unknown) => error);
  await upstream!.until(({ open }) => open === 1);
  await closing[Symbol.asyncDispose]();
  expect(await refused).toMatchObject({ code: 'account_refused' });
  await upstream!.until(({ aborted }) => aborted === 1);
  await expect(askModels(closing.gateway.control, draft('late'))).rejects.toMatchObject({ code: 'account_refused' });
  expect(upstream!.counters()).toMatchObject({ received: 1, open: 0 });
});

test('an account that is left out still owns its conversations, until it is removed', async () => {
  const own = await addAccount(control, draft('own'));
  const made = (await (await gateway.ask('/v1/responses', { model: 'model-of-own', input: 'hello' })).json()) as { id: string };
  const url = `/v1/responses/${made.id}`;
  expect((await gateway.ask(url)).status).toBe(200);
  await gateway.pool.query("update gateway.account set sealed_headers = '\\x00' where id = $1", [own.id]);

  // It is left out by a change under way, and by a start.
  await control.applied();
  await using again = await gateway.reopen();
  const ask = async (from: string): Promise<unknown> => (await fetch(from + url, { headers: { authorization: `Bearer ${KEY}` } })).json();
  for (const from of [gateway.url, again.url]) expect(await ask(from)).toMatchObject({ error: { code: 'owner_unavailable' } });

  await removeAccount(again.gateway.control, 'own');
  await control.applied();
  // Nobody's now, so the account that is left is asked; it is the same upstream.
  for (const from of [gateway.url, again.url]) expect(await ask(from)).toMatchObject({ id: made.id });
});

test('what an account that is left out has asked for waits for it, also where another is the only one left', async () => {
  const own = await addAccount(control, draft('own'));
  const user = { type: 'message', role: 'user', content: 'call shell' };
  const tools = [{ type: 'function', name: 'shell', parameters: { type: 'object', properties: {} } }];
  const asked = await gateway.ask('/v1/responses', { model: 'model-of-own', input: [user], tools, store: false });
  const { output } = (await asked.json()) as { output: { type: string; call_id: string }[] };
  const { call_id } = output.find(({ type }) => type === 'function_call')!;
  await gateway.pool.query("update gateway.account set sealed_headers = '\\x00' where id = $1", [own.id]);
  await control.applied();
  await using again = await gateway.reopen();
  const upstream = gateway.upstreams[0]!;
  const before = upstream.counters().received;
  const answer = { model: 'm', store: false, tools, input: [user, ...output, { type: 'function_call_output', call_id, output: 'done' }] };
  for (const { url } of [gateway, again]) {
    const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' };
    const refused = await fetch(`${url}/v1/responses`, { method: 'POST', headers, body: JSON.stringify(answer) });
    expect([refused.status, await refused.json()]).toMatchObject([503, { error: { code: 'owner_unavailable' } }]);
    await using client = await connectSocket(url, { authorization: headers.authorization });
    client.create(answer);
    expect(await client.next('error')).toMatchObject({ error: { code: 'owner_unavailable' } });
  }
  expect(upstream.counters().received).toBe(before);
});

test('an account that another running server declares cannot be removed here, and can once that one has ended', async () => {
  const toml = `[[accounts]]\nname = "theirs"\nkind = "openai-compatible"\nbase_url = "${gateway.upstreams[0]!.url}/v1"\nmodels = ["x"]\n`;
  const other = await gateway.reopen(toml);
  expect(await names()).toEqual(['a', 'theirs']);
  await expect(removeAccount(control, 'theirs')).rejects.toMatchObject({ code: 'held_by_file', message: expect.stringContaining('another server') as string });

  // Also when the connection by which it says so had to be made again.
  const claims =
    "select pid from pg_locks where locktype = 'advisory' and mode = 'ShareLock' and database = (select oid from pg_database where datname = current_database())";
  const [first] = await untilRows<{ pid: number }>(gateway.pool, claims, (rows) => rows.length === 1);
  await gateway.pool.query('select pg_terminate_backend($1::int)', [first!.pid]);
  await untilRows<{ pid: number }>(gateway.pool, claims, (rows) => rows.length === 1 && rows[0]!.pid !== first!.pid);
  await expect(removeAccount(control, 'theirs')).rejects.toMatchObject({ code: 'held_by_file' });

  await other[Symbol.asyncDispose]();
  await removeAccount(control, 'theirs');
  expect(await names()).toEqual(['a']);
});

test('a test takes over the models that an upstream names, everywhere, and leaves those that were given', async () => {
  await using other = await gateway.reopen();
  const lists = (...ids: string[]): void =>
    gateway.upstreams[0]!.script({
      rules: [{ match: { path: '/v1/models' }, answer: { body: { object: 'list', data: ids.map((id) => ({ id, object: 'model' })) } } }],
    });
  lists('m-old');
  await addAccount(control, { ...draft('own'), models: null });
  const served = async (of: TestGateway['gateway']): Promise<unknown> => {
    const { data } = (await (await of.adminApi.request('/api/accounts')).json()) as { data: { name: string; models: string[] }[] };
    return data.find(({ name }) => name === 'own')!.models;
  };
  expect(await served(gateway.gateway)).toEqual(['m-old']);
  lists('m-new', 'm-old');
  const told = await testAccount(control, 'own', () => 0, null);
  expect(told).toMatchObject({ learnt: true, models: ['m-new', 'm-old'], account: { models: ['m-new', 'm-old'] } });
  expect((await gateway.ask('/v1/chat/completions', { model: 'm-new', messages: [] })).headers.get('x-switchyard-account')).toBe('own');
  await expect.poll(() => served(other.gateway), { timeout: 10_000 }).toEqual(['m-new', 'm-old']);

  lists('m-other');
  expect(await testAccount(control, 'a', () => 0, null)).toMatchObject({ learnt: false, account: { models: ['m'] } });
});
