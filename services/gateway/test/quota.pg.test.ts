import { afterEach, expect, test } from 'vitest';
import { addAccount, liftStoredQuota } from '../src/index.ts';
import { KEY, openTestGateway, untilRows } from './open-test-gateway.ts';
import type { TestGateway } from './open-test-gateway.ts';

let gateway: TestGateway;
afterEach(() => gateway[Symbol.asyncDispose]());

const chat = { model: 'm', messages: [{ role: 'user', content: 'hello' }] };
const inSeconds = (seconds: number): number => Math.ceil(Date.now() / 1_000) + seconds;

/** The account that answers a chat. */
async function answers(url = gateway.url): Promise<string | null> {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify(chat),
  });
  await response.text();
  return response.headers.get('x-switchyard-account');
}

/** What our own API says of the quota of all accounts. */
async function quotas(of: TestGateway['gateway'] = gateway.gateway): Promise<Record<string, unknown>[]> {
  const response = await of.adminApi.request('/api/quota');
  return ((await response.json()) as { data: Record<string, unknown>[] }).data;
}

/** Makes an upstream tell its quota with every answer. */
function tells(which: number, usedShort: number, usedWeekly: number, resetAt = inSeconds(3_600)): void {
  gateway.upstreams[which]!.clearScript();
  gateway.upstreams[which]!.script({
    rules: [
      {
        times: 'always',
        answer: {
          quota: {
            primary: { usedPercent: usedShort, windowMinutes: 300, resetAt },
            secondary: { usedPercent: usedWeekly, windowMinutes: 10_080, resetAt },
          },
        },
      },
    ],
  });
}

test('an account that refused for its quota is not asked again, here or after a restart, and is once the time is up', async () => {
  gateway = await openTestGateway(2);
  const [a, b] = gateway.upstreams;
  const body = { error: { type: 'usage_limit_reached', message: 'limit', resets_at: inSeconds(4) } };
  a!.script({ rules: [{ answer: { status: 429, body } }] });
  expect(await answers()).toBe('b');
  expect(await answers()).toBe('b');
  expect([a!.counters().received, b!.counters().received]).toEqual([1, 2]);
  const [told, free] = await quotas();
  expect([told, free]).toMatchObject([{ account: 'a' }, { account: 'b', blocked_until: null }]);
  expect(Math.round(Date.parse(told!['blocked_until'] as string) / 1_000)).toBe(body.error.resets_at);

  await untilRows(gateway.pool, 'select 1 from gateway.quota where blocked_until is not null', (rows) => rows.length === 1);
  await using again = await gateway.reopen();
  expect(await answers(again.url)).toBe('b');
  expect(a!.counters().received).toBe(1);

  const seen: (string | null)[] = [];
  while (seen.at(-1) !== 'a') seen.push(await answers(again.url));
  expect(Date.now()).toBeGreaterThanOrEqual(body.error.resets_at * 1_000);
  expect(new Set(seen.slice(0, -1))).toEqual(new Set(['b']));
});

test('what one process learns of a quota all processes on the database know', async () => {
  gateway = await openTestGateway(2);
  const [a, b] = gateway.upstreams;
  // It comes second, so it knows from the start that it is not alone.
  await using other = await gateway.reopen();
  a!.script({ rules: [{ answer: { status: 429, body: { error: { type: 'usage_limit_reached', message: 'limit', resets_in_seconds: 600 } } } }] });
  expect(await answers(other.url)).toBe('b');
  await expect.poll(async () => (await quotas())[0]!['blocked_until'], { timeout: 10_000 }).not.toBeNull();
  expect(await answers()).toBe('b');
  expect([a!.counters().received, b!.counters().received]).toEqual([1, 2]);
});

test('a short block that one process learns does not end the longer one of another, in either or after a restart', async () => {
  gateway = await openTestGateway(2);
  const [a, b] = gateway.upstreams;
  await using other = await gateway.reopen();
  const limit = (seconds: number): object => ({ error: { type: 'usage_limit_reached', message: 'limit', resets_in_seconds: seconds } });
  a!.script({
    rules: [
      { answer: { status: 429, body: { error: { code: 'rate_limit_exceeded', message: 'slow down' } }, hold: { at: 'before_head', gate: 'short' } } },
      { answer: { status: 429, body: limit(18_000) } },
    ],
  });
  b!.script({ rules: [{ answer: { say: { text: 'hi' } } }, { answer: { status: 429, body: limit(700) } }] });
  const untilOf = async (of: TestGateway['gateway'], which: number): Promise<number> => Date.parse(String((await quotas(of))[which]!['blocked_until'])) || 0;
  // The one asks first and is told last, before the other, which knows that it is not alone, has told it.
  const short = answers();
  await expect.poll(() => a!.counters().received).toBe(1);
  expect(await answers(other.url)).toBe('b');
  const long = await untilOf(other.gateway, 0);
  a!.release('short');
  await short;
  await expect.poll(() => untilOf(gateway.gateway, 0), { timeout: 10_000 }).toBe(long);
  // What it learnt of both accounts in that request it writes at once.
  await untilRows(gateway.pool, 'select 1 from gateway.quota where blocked_until is not null', (rows) => rows.length === 2);
  expect([await untilOf(gateway.gateway, 0), await untilOf(other.gateway, 0)]).toEqual([long, long]);
  await using again = await gateway.reopen();
  expect(await untilOf(again.gateway, 0)).toBe(long);
});

test('with every account out of quota the client is told so, and when there is some again; none is asked', async () => {
  gateway = await openTestGateway(2);
  for (const upstream of gateway.upstreams)
    upstream.script({ rules: [{ answer: { status: 429, body: { error: { type: 'usage_limit_reached', message: 'limit', resets_in_seconds: 600 } } } }] });
  const last = await gateway.ask('/v1/chat/completions', chat);
  expect([last.status, await last.json()]).toMatchObject([429, { error: { message: 'limit' } }]);
  const refused = await gateway.ask('/v1/chat/completions', chat);
  expect(refused.status).toBe(429);
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(590);
  expect(await refused.json()).toMatchObject({ error: { type: 'usage_limit_reached', code: 'quota_exhausted', retryable: true } });
  expect(gateway.upstreams.map((upstream) => upstream.counters().received)).toEqual([1, 1]);
});

test('quota told in headers orders the accounts: ready, thin, critical, and exhausted never', async () => {
  gateway = await openTestGateway(4);
  tells(0, 96, 0);
  tells(1, 0, 100);
  tells(2, 10, 10);
  tells(3, 0, 85);
  // Each is heard once, in turn, since none of them is known to be worse.
  expect(new Set([await answers(), await answers(), await answers(), await answers()])).toEqual(new Set(['a', 'b', 'c', 'd']));
  expect((await quotas()).map(({ account, band }) => [account, band])).toEqual([
    ['a', 'critical'],
    ['b', 'exhausted'],
    ['c', 'ready'],
    ['d', 'thin'],
  ]);
  expect([await answers(), await answers()]).toEqual(['c', 'c']);
  tells(2, 100, 10);
  expect([await answers(), await answers(), await answers()]).toEqual(['c', 'd', 'd']);
  tells(3, 100, 85);
  expect([await answers(), await answers(), await answers()]).toEqual(['d', 'a', 'a']);
});

test('quota told by an event in a stream counts, however the stream is cut into chunks', async () => {
  gateway = await openTestGateway(2);
  const before = [
    {
      type: 'codex.rate_limits',
      plan_type: 'plus',
      rate_limits: { primary: { used_percent: 97.5, window_minutes: 300, reset_at: inSeconds(3_600) }, secondary: null },
    },
  ];
  gateway.upstreams[0]!.script({ rules: [{ answer: { before, slice: 7 } }] });
  const response = await gateway.ask('/v1/responses', { model: 'm', input: 'x', stream: true });
  expect(response.headers.get('x-switchyard-account')).toBe('a');
  expect(await response.text()).toContain('codex.rate_limits');
  expect(await quotas()).toMatchObject([
    { account: 'a', band: 'critical', source: 'event', plan_type: 'plus', short: { left_percent: 2.5 }, weekly: null },
    { account: 'b' },
  ]);
  expect([await answers(), await answers(), await answers()]).toEqual(['b', 'b', 'b']);
});

test('a forecast is made of what was heard over time: none at first, then when the pool runs dry, then that it has', async () => {
  gateway = await openTestGateway(1);
  const forecasts = async (of: TestGateway['gateway']): Promise<unknown> =>
    ((await (await of.adminApi.request('/api/quota')).json()) as { pools: unknown }).pools;
  const resetAt = inSeconds(3_600);
  const back = new Date(resetAt * 1_000).toISOString();
  const nothing = { pool: 'default', outlook: 'unknown', dry_at: null, back_at: null };
  expect(await forecasts(gateway.gateway)).toEqual([nothing]);
  tells(0, 20, 10, resetAt);
  await answers();
  expect(await forecasts(gateway.gateway)).toEqual([nothing]);

  // What an earlier life heard twenty minutes ago is the beginning of what this one sees.
  await untilRows(gateway.pool, 'select 1 from gateway.quota where reading is not null', (rows) => rows.length === 1);
  await gateway.pool.query(`update gateway.quota set reading = jsonb_set(reading, '{atMs}', to_jsonb((reading->>'atMs')::float8 - 1200000)),
    seen_at = seen_at - interval '20 minutes'`);
  await using again = await gateway.reopen();
  expect(await forecasts(again.gateway)).toMatchObject([{ outlook: 'lasts' }]);
  tells(0, 60, 11, resetAt);
  await answers(again.url);
  const beganMs = Date.now();
  const [found] = (await forecasts(again.gateway)) as { dry_at: string }[];
  expect(found).toMatchObject({ pool: 'default', outlook: 'runs_dry', back_at: back });
  // 40 percent took twenty minutes, and 40 are left.
  expect(Math.abs(Date.parse(found!.dry_at) - beganMs - 1_200_000)).toBeLessThan(30_000);
  tells(0, 100, 12, resetAt);
  await answers(again.url);
  expect(await forecasts(again.gateway)).toEqual([{ pool: 'default', outlook: 'dry', dry_at: null, back_at: back }]);
});

test('limits of an account: others go first from the soft one, none passes the hard one', async () => {
  gateway = await openTestGateway(1);
  const { url } = gateway.upstreams[0]!;
  await addAccount(gateway.gateway.control, {
    name: 'limited',
    kind: 'openai-compatible',
    baseUrl: `${url}/v1`,
    credential: null,
    models: ['own'],
    priority: 1,
    organization: null,
    project: null,
    headers: {},
    maxInFlight: 1,
    softInFlight: null,
    reservePercent: 0,
    websocket: false,
    modelMap: {},
  });
  gateway.upstreams[0]!.script({ rules: [{ answer: { hold: { at: 1, gate: 'on' } } }] });
  const running = await gateway.ask('/v1/chat/completions', { ...chat, model: 'own', stream: true });
  const refused = await gateway.ask('/v1/chat/completions', { ...chat, model: 'own' });
  expect([refused.status, await refused.json()]).toMatchObject([503, { error: { code: 'server_is_overloaded' } }]);
  gateway.upstreams[0]!.release('on');
  await running.text();
  expect((await gateway.ask('/v1/chat/completions', { ...chat, model: 'own' })).status).toBe(200);
});

test('a decision tells the figures of the one that was chosen and of those behind it', async () => {
  gateway = await openTestGateway(2);
  tells(0, 96, 0);
  expect(await answers()).toBe('a');
  const response = await gateway.ask('/v1/chat/completions', chat);
  await response.text();
  const id = response.headers.get('x-switchyard-request-id')!;
  await untilRows(gateway.pool, `select 1 from gateway.request where id = '${id}' and ended_at is not null`, (rows) => rows.length === 1);
  const decision = await (await gateway.gateway.adminApi.request(`/api/decisions/${id}`)).json();
  expect(decision).toMatchObject({
    decision: {
      attempts: [
        {
          account: 'b',
          figures: [
            { account: 'b', standing: 'ready', band: 'ready', used_percent: 0 },
            { account: 'a', standing: 'ready', band: 'critical', used_percent: 96 },
          ],
        },
      ],
    },
  });
});

test('a decision worked out again gives its winners, and others under other settings; explaining one changes nothing', async () => {
  gateway = await openTestGateway(3);
  tells(0, 50, 0);
  tells(1, 96, 0);
  const ids: string[] = [];
  for (let i = 0; i < 6; i++) {
    const response = await gateway.ask('/v1/chat/completions', chat);
    await response.text();
    ids.push(response.headers.get('x-switchyard-request-id')!);
  }
  await untilRows(gateway.pool, 'select 1 from gateway.request where ended_at is not null', (rows) => rows.length === ids.length);
  const post = async (path: string, body: object): Promise<unknown> =>
    (await gateway.gateway.adminApi.request(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })).json();
  for (const id of ids) {
    const { data } = (await post(`/api/decisions/${id}/replay`, {})) as { data: { winner: string; recorded_winner: string; complete: boolean }[] };
    expect(data).toMatchObject([{ winner: data[0]!.recorded_winner, complete: true }]);
  }
  const last = `/api/decisions/${ids.at(-1)}/replay`;
  expect(await post(last, { strategy: 'drain_first' })).toMatchObject({ data: [{ winner: 'b' }] });
  expect(await post(last, { priorities: { b: 1 } })).toMatchObject({ data: [{ winner: 'b' }] });
  expect(await post(last, { without: ['a', 'c'] })).toMatchObject({ data: [{ winner: 'b', complete: true }] });

  const before = await post('/api/explain', { model: 'm' });
  expect(before).toMatchObject({ candidates: 3, figures: [{}, {}, { account: 'b', band: 'critical' }] });
  expect(await post('/api/explain', { model: 'm' })).toEqual(before);
  expect(await answers()).toBe((before as { winner: string }).winner);
});

test('a block that is lifted by hand ends at once, also for other processes and after a restart, and the log tells of it', async () => {
  gateway = await openTestGateway(2);
  // It comes second, so it knows from the start that it is not alone.
  await using other = await gateway.reopen();
  const [a] = gateway.upstreams;
  const body = { error: { type: 'usage_limit_reached', message: 'limit', resets_at: inSeconds(90 * 86_400) } };
  const usedUp = { primary: { usedPercent: 100, windowMinutes: 300, resetAt: inSeconds(9_000) }, secondary: { usedPercent: 10 } };
  a!.script({ rules: [{ answer: { status: 429, body, quota: usedUp } }] });
  expect(await answers(other.url)).toBe('b');
  const blockedUntilMs = Date.parse((await quotas(other.gateway))[0]!['blocked_until'] as string);
  expect(blockedUntilMs - Date.now()).toBeLessThanOrEqual(31 * 86_400_000);
  await expect.poll(async () => (await quotas())[0]!['blocked_until'], { timeout: 10_000 }).not.toBeNull();

  const lifted = await other.gateway.adminApi.request('/api/quota/a/lift', { method: 'POST' });
  expect([lifted.status, await lifted.json()]).toMatchObject([200, { account: 'a', blocked_until: null }]);
  expect(gateway.log).toContainEqual(expect.objectContaining({ event: 'quota_lifted', fields: expect.objectContaining({ account: 'a' }) as object }));
  gateway.upstreams[1]!.script({ rules: [{ answer: { preset: '500' }, times: 'always' }] });
  expect(await answers(other.url)).toBe('a');
  await expect.poll(async () => (await quotas())[0]!['blocked_until'], { timeout: 10_000 }).toBeNull();
  await using later = await gateway.reopen();
  expect((await quotas(later.gateway))[0]).toMatchObject({ blocked_until: null });
  expect((await quotas(later.gateway))[0]!['band']).not.toBe('exhausted');
});

test('with no server running a block is lifted for the next that starts', async () => {
  gateway = await openTestGateway(2);
  gateway.upstreams[0]!.script({ rules: [{ answer: { preset: 'usage_limit_reached' } }] });
  expect(await answers()).toBe('b');
  await untilRows(gateway.pool, 'select 1 from gateway.quota where blocked_until is not null', (rows) => rows.length === 1);
  const { db, wallClockMs } = gateway.gateway.control;
  expect(await liftStoredQuota({ db, pool: gateway.pool, wallClockMs }, 'a')).toMatchObject({ account: 'a', blocked_until: null });
  await expect(liftStoredQuota({ db, pool: gateway.pool, wallClockMs }, 'nobody')).rejects.toMatchObject({ code: 'not_found' });
  await using again = await gateway.reopen();
  expect((await quotas(again.gateway))[0]).toMatchObject({ account: 'a', blocked_until: null });
});
