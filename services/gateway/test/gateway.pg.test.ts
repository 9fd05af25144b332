import { request as httpRequest } from 'node:http';
import pg from 'pg';
import { afterEach, expect, test } from 'vitest';
import { digestOf } from '../src/bindings/digest.ts';
import { endKey, createKey } from '../src/index.ts';
import { KEY, openTestGateway, untilRows } from './open-test-gateway.ts';
import type { TestGateway } from './open-test-gateway.ts';

let gateway: TestGateway;
afterEach(() => gateway[Symbol.asyncDispose]());

const chat = { model: 'm', messages: [{ role: 'user', content: 'hello' }] };

test('a request is answered by its account, with the credential of the account and not the client’s', async () => {
  gateway = await openTestGateway();
  const response = await gateway.ask('/v1/chat/completions', chat, {
    headers: { cookie: 'c=1', 'x-forwarded-for': '9.9.9.9', 'x-codex-thing': 'kept', 'x-random': 'dropped', 'accept-encoding': 'gzip, br' },
  });
  expect(response.status).toBe(200);
  expect(response.headers.get('x-switchyard-account')).toBe('a');
  const [received] = gateway.upstreams[0]!.received({ full: true });
  expect(received!.body).toEqual(chat);
  expect(received!.headers['authorization']).toBe('Bearer sk-test-account-0-not-a-secret');
  expect(received!.headers['accept-encoding']).toBe('identity');
  expect(received!.headers['x-codex-thing']).toBe('kept');
  expect(Object.keys(received!.headers).filter((name) => /cookie|forwarded|random|switchyard/.test(name))).toEqual([]);
});

test('quota and server errors move on to the next account, and the last refusal comes through unchanged', async () => {
  gateway = await openTestGateway(3);
  const [a, b, c] = gateway.upstreams;
  a!.script({ rules: [{ answer: { preset: 'usage_limit_reached' }, times: 'always' }] });
  b!.script({ rules: [{ answer: { preset: '500' }, times: 'always' }] });
  const answered = await gateway.ask('/v1/chat/completions', chat);
  expect(answered.headers.get('x-switchyard-account')).toBe('c');
  expect([a, b, c].map((upstream) => upstream!.counters().received)).toEqual([1, 1, 1]);

  c!.script({
    rules: [
      {
        answer: { status: 503, headers: { 'retry-after': '9', 'x-upstream': 'c' }, body: { error: { code: 'slow_down', message: 'later' } } },
        times: 'always',
      },
    ],
  });
  const refused = await gateway.ask('/v1/chat/completions', chat);
  // Accounts that are left alone come last: c is fresh, then b. The one that is out of quota is not asked again.
  expect(refused.status).toBe(500);
  expect(refused.headers.get('x-switchyard-account')).toBe('b');
  expect(a!.counters().received).toBe(1);
  await refused.text();

  const id = refused.headers.get('x-switchyard-request-id')!;
  const [row] = await untilRows<{
    outcome: string;
    attempts: number;
    decision: { attempts: { account: string; verdict: string; status: number; backoff: string; least_bad: boolean }[] };
  }>(gateway.pool, `select outcome, attempts, decision from gateway.request where id = '${id}' and ended_at is not null`, (rows) => rows.length === 1);
  expect(row).toMatchObject({ outcome: 'upstream_error', attempts: 2 });
  expect(row!.decision.attempts).toMatchObject([
    { account: 'c', verdict: 'next_account', status: 503, backoff: 'overload' },
    { account: 'b', verdict: 'relayed', status: 500, backoff: 'server_error', least_bad: true },
  ]);
});

test('what is between the client and the upstream passes through at the first attempt', async () => {
  gateway = await openTestGateway(2);
  for (const upstream of gateway.upstreams) upstream.script({ rules: [{ answer: { preset: 'rate_limit_plain' }, times: 'always' }] });
  const response = await gateway.ask('/v1/chat/completions', chat);
  expect(response.status).toBe(429);
  expect(await response.text()).toBe('Too many requests');
  expect(gateway.upstreams.map((upstream) => upstream.counters().received).reduce((sum, n) => sum + n)).toBe(1);
});

test('an upstream that breaks off before it answers costs the client nothing while another account is left', async () => {
  gateway = await openTestGateway(2);
  gateway.upstreams[0]!.script({ rules: [{ answer: { cut: { at: 'before_head', how: 'reset' } }, times: 'always' }] });
  const response = await gateway.ask('/v1/chat/completions', chat);
  expect(response.status).toBe(200);
  expect(response.headers.get('x-switchyard-account')).toBe('b');
});

test('nothing answering at all is 502 upstream_unreachable, and says so in our envelope', async () => {
  gateway = await openTestGateway(2);
  for (const upstream of gateway.upstreams) upstream.script({ rules: [{ answer: { cut: { at: 'before_head', how: 'reset' } }, times: 'always' }] });
  const response = await gateway.ask('/v1/chat/completions', chat);
  expect(response.status).toBe(502);
  expect(await response.json()).toMatchObject({
    error: { code: 'upstream_unreachable', type: 'server_error', retryable: true, request_id: response.headers.get('x-request-id') },
  });
});

test('a response is continued, read and deleted at the account that made it, also after a restart', async () => {
  gateway = await openTestGateway(3);
  const made = await Promise.all(
    Array.from({ length: 9 }, async (_, i) => {
      const response = await gateway.ask('/v1/responses', { model: 'm', input: `turn ${i}`, stream: i % 2 === 0 });
      const text = await response.text();
      return { account: response.headers.get('x-switchyard-account'), id: /"id":"(resp_[^"]+)"/.exec(text)![1]! };
    }),
  );
  expect(new Set(made.map(({ account }) => account)).size).toBe(3);
  await using again = await gateway.reopen();
  for (const url of [gateway.url, again.url]) {
    for (const { account, id } of made) {
      const read = await fetch(`${url}/v1/responses/${id}`, { headers: { authorization: `Bearer ${KEY}` } });
      expect([read.status, read.headers.get('x-switchyard-account')]).toEqual([200, account]);
      const next = await fetch(`${url}/v1/responses`, {
        method: 'POST',
        headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
        body: JSON.stringify({ model: 'm', input: 'more', previous_response_id: id }),
      });
      expect([next.status, next.headers.get('x-switchyard-account')]).toEqual([200, account]);
      await next.text();
    }
  }
});

test('a response that is not stored binds nothing', async () => {
  gateway = await openTestGateway(1);
  await (await gateway.ask('/v1/responses', { model: 'm', input: 'x', store: false, stream: true })).text();
  await untilRows(gateway.pool, 'select 1 from gateway.request where ended_at is not null', (rows) => rows.length === 1);
  expect((await gateway.pool.query('select 1 from gateway.binding where kind = 1')).rowCount).toBe(0);
});

test('a client that leaves takes its upstream request with it, and the log says who left', async () => {
  gateway = await openTestGateway(1);
  const [upstream] = gateway.upstreams;
  upstream!.script({ rules: [{ answer: { stream: { events: 1_000, bytes: 100 }, hold: { at: 5 } } }] });
  const leaving = new AbortController();
  const response = await gateway.ask('/v1/chat/completions', { ...chat, stream: true }, { signal: leaving.signal });
  await response.body!.getReader().read();
  const [open] = await untilRows<{ outcome: string; ended_at: null }>(
    gateway.pool,
    'select outcome, ended_at from gateway.request',
    (rows) => rows.length === 1,
  );
  expect(open).toEqual({ outcome: 'open', ended_at: null });
  leaving.abort();
  await upstream!.until(({ aborted }) => aborted === 1);
  const [row] = await untilRows<{ outcome: string }>(
    gateway.pool,
    'select outcome from gateway.request where ended_at is not null',
    (rows) => rows.length === 1,
  );
  expect(row!.outcome).toBe('client_left');
  expect(await gateway.metric('switchyard_upstream_in_flight')).toBe(0);
  expect(await gateway.metric('switchyard_requests_in_flight{lane="responses"}')).toBe(0);
  expect(await gateway.metric('switchyard_request_body_bytes')).toBe(0);
});

test('a client that leaves while its account has not answered yet ends the attempt, and no other account is tried', async () => {
  gateway = await openTestGateway(2);
  for (const upstream of gateway.upstreams) upstream.script({ rules: [{ answer: { hold: { at: 'before_head' } }, times: 'always' }] });
  const leaving = new AbortController();
  const asked = gateway.ask('/v1/chat/completions', chat, { signal: leaving.signal });
  await Promise.race(gateway.upstreams.map((upstream) => upstream.until(({ open }) => open === 1)));
  leaving.abort();
  await expect(asked).rejects.toThrow();
  await Promise.race(gateway.upstreams.map((upstream) => upstream.until(({ aborted }) => aborted === 1)));
  await untilRows(gateway.pool, "select 1 from gateway.request where outcome = 'client_left'", (rows) => rows.length === 1);
  expect(gateway.upstreams.map((upstream) => upstream.counters().received).reduce((sum, n) => sum + n)).toBe(1);
  expect(await gateway.metric('switchyard_upstream_in_flight')).toBe(0);
});

test('a key sees and uses only its models and accounts, and a revoked one nothing', async () => {
  gateway = await openTestGateway(2);
  const { control } = gateway.gateway;
  const scoped = await createKey(control, { name: 'scoped', models: ['m'], accounts: ['b'] });
  const blind = await createKey(control, { name: 'blind', models: ['other'], accounts: null });
  const as = (key: string, path: string, body?: unknown): Promise<Response> => gateway.ask(path, body, { headers: { authorization: `Bearer ${key}` } });
  for (let i = 0; i < 3; i++) {
    const response = await as(scoped.key, '/v1/chat/completions', chat);
    expect(response.headers.get('x-switchyard-account')).toBe('b');
  }
  expect(await (await as(blind.key, '/v1/models')).json()).toEqual({ object: 'list', data: [] });
  const refused = await as(blind.key, '/v1/chat/completions', chat);
  expect([refused.status, ((await refused.json()) as { error: { code: string } }).error.code]).toEqual([404, 'model_not_found']);
  await endKey(control, scoped.id);
  expect((await as(scoped.key, '/v1/models')).status).toBe(401);
});

test('a change made by another process is heard of', async () => {
  gateway = await openTestGateway(1);
  await using other = await gateway.reopen();
  const { key, id } = await createKey(gateway.gateway.control, { name: 'late', models: null, accounts: null });
  const status = async (): Promise<number> => (await fetch(`${other.url}/v1/models`, { headers: { authorization: `Bearer ${key}` } })).status;
  while ((await status()) !== 200);
  await endKey(gateway.gateway.control, id);
  while ((await status()) !== 401);
  expect((await gateway.ask('/v1/models', undefined, { headers: { authorization: `Bearer ${key}` } })).status).toBe(401);
});

test('requests that a dead process left open are marked when the next one starts', async () => {
  gateway = await openTestGateway(1);
  await gateway.pool.query(
    "insert into gateway.request (id, started_at, instance_id, surface, lane, stream, outcome) values ('req_dead', now(), 'inst_dead', 'chat.completions', 'responses', true, 'open')",
  );
  await using again = await gateway.reopen();
  expect(again.url).toContain('http');
  const { rows } = await gateway.pool.query('select outcome from gateway.request where id = $1 and ended_at is not null', ['req_dead']);
  expect(rows).toEqual([{ outcome: 'server_lost' }]);
});

test('one that another process took for lost, its server being cut off from the database, has its true end all the same', async () => {
  gateway = await openTestGateway(1);
  const [upstream] = gateway.upstreams;
  upstream!.script({ rules: [{ answer: { hold: { at: 'before_head', gate: 'go' } } }] });
  const asked = gateway.ask('/v1/chat/completions', chat);
  const outcomes = async (): Promise<unknown[]> => (await gateway!.pool.query('select outcome from gateway.request')).rows;
  await expect.poll(outcomes).toEqual([{ outcome: 'open' }]);
  await gateway.pool.query("update gateway.request set ended_at = now(), outcome = 'server_lost'");
  upstream!.release('go');
  expect((await asked).status).toBe(200);
  await expect.poll(outcomes).toEqual([{ outcome: 'completed' }]);
});

test('draining refuses new work, lets running answers end, and cuts off what does not end in time', async () => {
  gateway = await openTestGateway(1);
  const [upstream] = gateway.upstreams;
  upstream!.script({ rules: [{ answer: { hold: { at: 'before_head', gate: 'go' } } }, { answer: { stream: { events: 100, bytes: 100 }, hold: { at: 5 } } }] });
  const ending = gateway.ask('/v1/chat/completions', chat);
  await upstream!.until(({ open }) => open === 1);
  const endless = await gateway.ask('/v1/chat/completions', { ...chat, stream: true });
  const drained = gateway.gateway.drain(400);
  const late = await gateway.ask('/v1/chat/completions', chat);
  expect([late.status, late.headers.get('retry-after')]).toEqual([503, '3']);
  expect((await gateway.ask('/readyz')).status).toBe(503);
  expect((await gateway.ask('/healthz')).status).toBe(200);
  upstream!.release('go');
  expect((await ending).status).toBe(200);
  expect(await drained).toBe(1);
  await expect(endless.text()).rejects.toThrow();
  await untilRows(gateway.pool, "select 1 from gateway.request where outcome = 'shut_down'", (rows) => rows.length === 1);
});

test('an upstream that dies in the middle of a stream gives the client a transport failure and no made-up ending', async () => {
  gateway = await openTestGateway(2);
  for (const upstream of gateway.upstreams)
    upstream.script({ rules: [{ answer: { stream: { events: 50, bytes: 100 }, cut: { at: { units: 10 }, how: 'reset' } }, times: 'always' }] });
  const text = await new Promise<{ body: string; complete: boolean }>((resolve, reject) => {
    const request = httpRequest(
      `${gateway.url}/v1/chat/completions`,
      { method: 'POST', headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' } },
      (response) => {
        let body = '';
        response.on('data', (chunk: Buffer) => (body += chunk.toString())).on('error', () => {});
        response.on('close', () => resolve({ body, complete: response.complete }));
      },
    );
    request.on('error', reject);
    request.end(JSON.stringify({ ...chat, stream: true }));
  });
  expect(text.complete).toBe(false);
  expect(text.body).not.toContain('[DONE]');
  expect(text.body).not.toContain('"error"');
  expect(text.body.match(/^data: /gm)!.length).toBe(10);
  expect(gateway.upstreams.map((upstream) => upstream.counters().received).reduce((sum, n) => sum + n)).toBe(1);
});

test('with the database away traffic goes on, says so, and the log catches up', async () => {
  gateway = await openTestGateway(1);
  const name = (await gateway.pool.query<{ name: string }>('select current_database() as name')).rows[0]!.name;
  const admin = new pg.Client({ ...gateway.pool.options, database: 'postgres' });
  await admin.connect();
  await admin.query(`alter database ${name} with allow_connections false`);
  await admin.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [name]);
  const first = await gateway.ask('/v1/responses', { model: 'm', input: 'while away' });
  expect(first.status).toBe(200);
  const ready = async (): Promise<unknown> => {
    const { status, degraded } = (await (await gateway.ask('/readyz')).json()) as { status: string; degraded: string[] };
    return [status, ...degraded].join(' ');
  };
  while ((await ready()) !== 'ready database bindings');
  // The guarantee is suspended, but the binding holds in memory.
  const { id } = (await first.json()) as { id: string };
  const second = await gateway.ask('/v1/responses', { model: 'm', input: 'still away', previous_response_id: id });
  expect(second.status).toBe(200);
  expect(await gateway.metric('switchyard_binding_waits_total{result="suspended"}')).toBeGreaterThan(0);
  await admin.query(`alter database ${name} with allow_connections true`);
  await admin.end();
  await untilRows(gateway.pool, 'select 1 from gateway.request where ended_at is not null', (rows) => rows.length === 2);
  await untilRows(gateway.pool, 'select 1 from gateway.binding where kind = 1', (rows) => rows.length === 2);
  while ((await ready()) !== 'ready');
  expect((await gateway.ask('/v1/models')).status).toBe(200);
}, 60_000);

test('the body of a request is let go when its answer begins, however long that runs', async () => {
  gateway = await openTestGateway(1);
  gateway.upstreams[0]!.script({ rules: [{ answer: { stream: { events: 50, bytes: 100 }, hold: { at: 5, gate: 'go' } } }] });
  const body = { ...chat, stream: true, user: 'x'.repeat(100_000) };
  const response = await gateway.ask('/v1/chat/completions', body);
  await response.body!.getReader().read();
  expect(await gateway.metric('switchyard_request_body_bytes')).toBe(0);
  gateway.upstreams[0]!.release('go');
  const [row] = await untilRows<{ bytes_in: string }>(gateway.pool, 'select bytes_in from gateway.request', (rows) => rows.length === 1);
  expect(Number(row!.bytes_in)).toBe(JSON.stringify(body).length);
});

test('an account whose answers break off is put aside for the next request, and the decision says why', async () => {
  gateway = await openTestGateway(2);
  gateway.upstreams[0]!.script({ rules: [{ answer: { stream: { events: 50, bytes: 100 }, cut: { at: { units: 5 }, how: 'reset' } }, times: 'always' }] });
  const cut = await gateway.ask('/v1/chat/completions', { ...chat, stream: true });
  expect(cut.headers.get('x-switchyard-account')).toBe('a');
  await expect(cut.text()).rejects.toThrow();
  for (let i = 0; i < 3; i++) expect((await gateway.ask('/v1/chat/completions', chat)).headers.get('x-switchyard-account')).toBe('b');
  const id = cut.headers.get('x-switchyard-request-id')!;
  const [row] = await untilRows<{ outcome: string; decision: { attempts: unknown[] } }>(
    gateway.pool,
    `select outcome, decision from gateway.request where id = '${id}' and ended_at is not null`,
    (rows) => rows.length === 1,
  );
  expect(row).toMatchObject({ outcome: 'upstream_cut', decision: { attempts: [{ failure: 'reset', backoff: 'transport', verdict: 'relayed' }] } });
});

test('a key that is held to models reaches nothing that names none', async () => {
  gateway = await openTestGateway(1);
  const { key } = await createKey(gateway.gateway.control, { name: 'held', models: ['m'], accounts: null });
  const as = (path: string, init: RequestInit): Promise<Response> =>
    fetch(gateway.url + path, { ...init, headers: { authorization: `Bearer ${key}`, ...(init.headers as Record<string, string>) } });
  const form = new FormData();
  form.set('model', 'other');
  for (const refused of [
    await as('/v1/audio/transcriptions', { method: 'POST', body: form }),
    await as('/v1/images/generations', { method: 'POST', body: '{"model":"other"}', headers: { 'content-type': 'text/plain' } }),
    await as('/v1/files', {}),
  ]) {
    expect([refused.status, ((await refused.json()) as { error: { code: string } }).error.code]).toEqual([404, 'model_not_found']);
  }
  expect(gateway.upstreams[0]!.counters().received).toBe(0);
  expect((await as('/v1/chat/completions', { method: 'POST', body: JSON.stringify(chat), headers: { 'content-type': 'application/json' } })).status).toBe(200);
});

test('after an upstream has cut many streams no connection of theirs is kept or tried again', async () => {
  gateway = await openTestGateway(1);
  const [upstream] = gateway.upstreams;
  upstream!.script({ rules: [{ answer: { stream: { events: 50, bytes: 100 }, cut: { at: { units: 5 }, how: 'reset' } }, times: 20 }] });
  const cut = await Promise.all(Array.from({ length: 20 }, () => gateway.ask('/v1/chat/completions', { ...chat, stream: true })));
  await Promise.allSettled(cut.map((response) => response.text()));
  const served = await Promise.all(Array.from({ length: 30 }, () => gateway.ask('/v1/chat/completions', chat)));
  expect(served.map(({ status }) => status)).toEqual(Array.from({ length: 30 }, () => 200));
  expect(upstream!.counters().received).toBe(50);
});

test('a model whose name has slashes is found by it', async () => {
  gateway = await openTestGateway(1);
  expect((await gateway.ask('/v1/models/meta-llama/Llama-3')).status).toBe(404);
  expect(gateway.upstreams[0]!.counters().received).toBe(0);
});

test('an answer that runs can be read at its owner, one that broke off is forgotten, and one in the background is bound at once', async () => {
  gateway = await openTestGateway(2);
  for (const upstream of gateway.upstreams)
    upstream.script({ rules: [{ match: { method: 'POST' }, answer: { stream: { events: 50, bytes: 100 }, hold: { at: 5 } }, times: 'always' }] });
  const idOf = async (body: object): Promise<{ id: string; account: string | null; leave: AbortController }> => {
    const leave = new AbortController();
    const response = await gateway.ask('/v1/responses', { model: 'm', input: 'x', stream: true, ...body }, { signal: leave.signal });
    const reader = response.body!.getReader();
    let text = '';
    while (!/"id":"(resp_[^"]+)"/.test(text)) text += Buffer.from((await reader.read()).value!).toString();
    return { id: /"id":"(resp_[^"]+)"/.exec(text)![1]!, account: response.headers.get('x-switchyard-account'), leave };
  };
  const [first, second] = [await idOf({}), await idOf({ background: true })];
  expect(new Set([first.account, second.account]).size).toBe(2);
  for (let i = 0; i < 3; i++) {
    expect((await gateway.ask(`/v1/responses/${first.id}`)).headers.get('x-switchyard-account')).toBe(first.account);
    expect((await gateway.ask(`/v1/responses/${second.id}/cancel`, {})).headers.get('x-switchyard-account')).toBe(second.account);
  }
  first.leave.abort();
  second.leave.abort();
  await untilRows(gateway.pool, "select 1 from gateway.request where outcome = 'client_left'", (rows) => rows.length === 2);
  const { rows } = await gateway.pool.query<{ digest: Buffer }>('select digest from gateway.binding');
  expect(rows).toEqual([{ digest: digestOf('response', '', null, second.id) }]);
  expect(await gateway.metric('switchyard_bindings{kind="response"}')).toBe(1);
});
