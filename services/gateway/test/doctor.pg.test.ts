import { isDeepStrictEqual } from 'node:util';
import { loadConfig } from '@switchyard/config';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { addAccount, diagnoseStopped } from '../src/index.ts';
import { openTestGateway, untilRows } from './open-test-gateway.ts';
import type { TestGateway } from './open-test-gateway.ts';

let gateway: TestGateway;
beforeEach(async () => {
  gateway = await openTestGateway(2, { LIMITS_ACTIVE_REQUESTS: '16' });
});
afterEach(() => gateway[Symbol.asyncDispose]());

interface Report {
  readonly healthy: boolean;
  readonly findings: readonly { readonly id: string; readonly severity: string; readonly cause: string; readonly evidence: readonly string[] }[];
}

async function report(from: Pick<TestGateway, 'gateway'> = gateway): Promise<Report> {
  return (await (await from.gateway.adminApi.request('/api/doctor')).json()) as Report;
}

const idsOf = ({ findings }: Report): string[] => findings.map(({ id }) => id);

test('a server with nothing wrong is healthy', async () => {
  expect(await report()).toMatchObject({ healthy: true, server: 'running', findings: [] });
});

test('each thing that was made wrong in the database is named', async () => {
  await (await gateway.ask('/v1/responses', { model: 'm', input: 'x' })).text();
  await (await gateway.ask('/v1/responses', { model: 'm', input: 'x' })).text();
  await gateway.pool.query("update gateway.binding set account_id = '' where digest in (select digest from gateway.binding limit 1)");
  await gateway.pool.query("update gateway.binding set account_id = 'acct_gone' where account_id <> ''");
  await gateway.pool.query("update gateway.account set credential = '\\x010203' where name = 'b'");
  await gateway.pool.query("update gateway.account set source = 'file' where name = 'a'");
  await gateway.pool.query("update gateway.account set login_state = 'needs_login' where name = 'b'");
  const found = await report();
  expect(found.healthy).toBe(false);
  expect(idsOf(found)).toEqual(['account_unreadable', 'needs_login', 'no_accounts', 'binding_conflicts', 'account_off', 'bindings_to_missing_accounts']);
  expect(found.findings.find(({ id }) => id === 'bindings_to_missing_accounts')!.evidence).toEqual(['1 of acct_gone']);
});

test('a database that a newer version has used is named, and nothing more is said of it', async () => {
  await gateway.pool.query("insert into platform.migration (service, number, name, checksum) values ('gateway', 9999, '9999-later.sql', 'x')");
  expect((await report()).findings).toMatchObject([{ id: 'database_newer', severity: 'error', evidence: ['9999-later.sql'] }]);
});

test('an account that is said to speak WebSocket and does not is named', async () => {
  const [first] = gateway.upstreams;
  first!.script({ rules: [{ match: { method: 'GET', path: '/v1/responses' }, answer: { preset: '404' }, times: 'always' }] });
  gateway.upstreams[1]!.script({ rules: [{ match: { method: 'GET', path: '/v1/responses' }, answer: { preset: '404' }, times: 'always' }] });
  const socket = new WebSocket(`${gateway.url.replace('http', 'ws')}/v1/responses`, {
    headers: { authorization: 'Bearer sk-test-bootstrap-not-a-secret' },
  } as never);
  socket.onopen = () => socket.send(JSON.stringify({ type: 'response.create', model: 'm', input: 'x' }));
  await new Promise((resolve) => (socket.onclose = resolve));
  expect((await report()).findings).toMatchObject([{ id: 'websocket_declined', evidence: ['a', 'b'] }]);
});

test('that every account is out of quota is named, also by who opens the files next', async () => {
  for (const upstream of gateway.upstreams) upstream.script({ rules: [{ answer: { preset: 'usage_limit_reached' }, times: 'always' }] });
  await (await gateway.ask('/v1/responses', { model: 'm', input: 'x' })).text();
  const { findings } = await report();
  expect(findings).toMatchObject([{ id: 'all_blocked', evidence: [expect.stringMatching(/^a: until 20/), expect.stringMatching(/^b: until 20/)] }]);
  await untilRows(gateway.pool, 'select 1 from gateway.quota where blocked_until > now()', (rows) => rows.length === 2);
  const stopped = await diagnoseStopped({
    control: gateway.gateway.control,
    pool: gateway.pool,
    config: loadConfig({ env: { SWITCHYARD_HOME: '/tmp/none' } }).config,
  });
  expect(idsOf(stopped)).toContain('all_blocked');
});

test('an account whose circuit is open is named, and so is it when all have failed', async () => {
  for (const upstream of gateway.upstreams) upstream.script({ rules: [{ answer: { preset: '500' }, times: 'always' }] });
  for (let i = 0; i < 3; i++) await (await gateway.ask('/v1/responses', { model: 'm', input: 'x' })).text();
  expect(idsOf(await report())).toEqual(['pool_cannot_serve', 'circuits_open']);
});

test('a mix of accounts without quota and such that fail is named as nobody who serves, by pool', async () => {
  const [a, b] = gateway.upstreams;
  a!.script({ rules: [{ answer: { preset: 'usage_limit_reached' }, times: 'always' }] });
  b!.script({ rules: [{ answer: { preset: '503' }, times: 'always' }] });
  for (let i = 0; i < 6; i++) await (await gateway.ask('/v1/responses', { model: 'm', input: 'x' })).text();
  const { healthy, findings } = await report();
  expect(healthy).toBe(false);
  expect(findings[0]).toMatchObject({
    id: 'pool_cannot_serve',
    severity: 'error',
    cause: expect.stringContaining('`default`') as string,
    evidence: [expect.stringMatching(/^a: out of quota, back in/), expect.stringMatching(/^b: left alone/)],
  });
  expect(JSON.stringify(findings)).not.toContain('Others serve');
});

test('a pool that is dry is named though another serves, and one whose stand-in serves only as such', async () => {
  gateway.upstreams[0]!.script({ rules: [{ answer: { preset: 'usage_limit_reached' }, times: 'always' }] });
  await (await gateway.ask('/v1/responses', { model: 'm', input: 'x' })).text();
  await untilRows(gateway.pool, 'select 1 from gateway.quota where blocked_until > now()', (rows) => rows.length === 1);
  await using other = await gateway.reopen(
    '[pools.dry]\naccounts = ["a"]\n[pools.helped]\naccounts = ["a"]\nfallback = ["dry", "live"]\n[pools.live]\naccounts = ["b"]\n',
  );
  const { findings } = await report(other);
  expect(findings.map(({ id, severity, cause }) => [severity, id, /`(\w+)`/.exec(cause)?.[1]])).toEqual([
    ['error', 'pool_cannot_serve', 'dry'],
    ['warning', 'pool_stood_in', 'helped'],
  ]);
});

test('a credential that is refused is named', async () => {
  gateway.upstreams[0]!.script({ rules: [{ answer: { preset: 'invalid_api_key' }, times: 'always' }] });
  for (let i = 0; i < 2; i++) await (await gateway.ask('/v1/responses', { model: 'm', input: 'x' })).text();
  const refused = expect.objectContaining({ id: 'account_refused', evidence: ['a: its credential is refused'] }) as object;
  expect((await report()).findings).toContainEqual(refused);

  // Though it may be asked again after a while, nothing has shown that it is well.
  type Listed = { state: string; backoff_reason: string | null };
  const first = async (): Promise<Listed> => ((await (await gateway.gateway.adminApi.request('/api/accounts')).json()) as { data: Listed[] }).data[0]!;
  gateway.skip(600_000);
  await expect.poll(first, { timeout: 5_000 }).toMatchObject({ state: 'ready', backoff_reason: 'auth' });
  expect((await report()).findings).toContainEqual(refused);
  gateway.upstreams[0]!.clearScript();
  gateway.upstreams[1]!.script({ rules: [{ answer: { preset: '500' } }] });
  expect((await gateway.ask('/v1/responses', { model: 'm', input: 'x' })).headers.get('x-switchyard-account')).toBe('a');
  expect(await first()).toMatchObject({ state: 'ready', backoff_reason: null });
  expect(idsOf(await report())).not.toContain('account_refused');
});

test('a credential that is refused is forgiven when a test of the account is answered', async () => {
  gateway.upstreams[0]!.script({ rules: [{ answer: { preset: 'invalid_api_key' }, times: 'always' }] });
  for (let i = 0; i < 2; i++) await (await gateway.ask('/v1/responses', { model: 'm', input: 'x' })).text();
  const test = (): Promise<Response> => Promise.resolve(gateway.gateway.adminApi.request('/api/accounts/a/test', { method: 'POST' }));
  expect((await test()).status).not.toBe(200);
  expect(idsOf(await report())).toContain('account_refused');
  gateway.upstreams[0]!.clearScript();
  expect((await test()).status).toBe(200);
  expect(await report()).toMatchObject({ healthy: true, findings: [] });
});

test('an incident is noted by the server that sees it, told by the doctor, and closed for a server that is gone', { timeout: 30_000 }, async () => {
  for (const upstream of gateway.upstreams) upstream.script({ rules: [{ answer: { preset: 'usage_limit_reached' }, times: 'always' }] });
  await (await gateway.ask('/v1/responses', { model: 'm', input: 'x' })).text();
  await untilRows(gateway.pool, "select 1 from gateway.incident where kind = 'all_blocked' and closed_at is null", (rows) => rows.length === 1);
  const told = (await report()).findings.find(({ id }) => id === 'recent_incidents');
  expect(told).toMatchObject({ severity: 'warning', evidence: [expect.stringMatching(/^all_blocked from .* on: None of 2 accounts had quota\.$/)] });
  await gateway.pool.query(
    "insert into gateway.incident (kind, instance_id, opened_at, evidence) values ('database_away', 'inst_gone', now(), 'x'), ('old', 'inst_gone', now() - interval '31 days', 'x')",
  );
  await using other = await gateway.reopen();
  // It tidies beside its first requests.
  const tidied = [
    { kind: 'all_blocked', lasts: true },
    { kind: 'database_away', lasts: false },
  ];
  await untilRows(gateway.pool, 'select kind, closed_at is null as lasts from gateway.incident order by kind', (rows) => isDeepStrictEqual(rows, tidied));
  expect(idsOf(await report(other))).toContain('recent_incidents');
});

test('an incident names the accounts that it is about, and tells no id and no secret of theirs', { timeout: 30_000 }, async () => {
  const { control } = gateway.gateway;
  const backend = gateway.upstreams[0]!.url;
  await addAccount(control, {
    name: 'c1',
    kind: 'chatgpt',
    baseUrl: `${backend}/backend-api/codex`,
    credential: null,
    models: ['g'],
    priority: 100,
    organization: null,
    project: null,
    headers: {},
    websocket: false,
    maxInFlight: null,
    softInFlight: null,
    reservePercent: 0,
    modelMap: {},
    login: {
      tokens: { access_token: 'at-lost-not-a-secret', refresh_token: 'rt-lost-not-a-secret', id_token: null, account_id: 'acct-lost', last_refresh: null },
      tokenUrl: `${backend}/oauth/token`,
      codexHome: null,
    },
  });
  await gateway.pool.query("update gateway.account set login_state = 'needs_login' where name = 'c1'");
  await control.applied();
  await untilRows(gateway.pool, "select 1 from gateway.incident where kind = 'login_lost' and closed_at is null", (rows) => rows.length === 1);
  const told = (await report()).findings.find(({ id }) => id === 'recent_incidents')!;
  expect(told.evidence).toEqual([expect.stringMatching(/^login_lost from .* on: A new login is needed: c1\.$/)]);
  const { rows } = await gateway.pool.query<{ evidence: string }>('select evidence from gateway.incident');
  const logged = gateway.log.filter(({ event }) => event === 'incident_opened');
  expect(logged).toHaveLength(1);
  expect(JSON.stringify([told, rows, logged.map(({ message, fields }) => [message, fields])])).not.toMatch(/acct_|acct-lost|not-a-secret/);
});
