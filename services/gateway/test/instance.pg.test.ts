import { EventEmitter, once } from 'node:events';
import { recordingLogger, testDatabase } from '@switchyard/testkit';
import type pg from 'pg';
import { expect, test } from 'vitest';
import { claimInstance } from '../src/store/instance.ts';
import { openTestGateway, untilRows } from './open-test-gateway.ts';

/** Who holds a claim in this database; other test files have theirs on the same server. */
const CLAIMS = "select pid from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())";

test('a connection that comes back only after the end is given back', async () => {
  await using database = await testDatabase({ sets: [] });
  await database.pool.query('create schema gateway create table request (instance_id text, ended_at timestamptz)');
  const held = new EventEmitter();
  let connects = 0;
  const { pool } = database;
  // Holds back the second connection, which is the one that is made after a loss, until the test lets it go on.
  const gated = {
    query: pool.query.bind(pool),
    async connect() {
      if (++connects === 2) {
        held.emit('asked');
        await once(held, 'go');
      }
      return pool.connect();
    },
  } as unknown as pg.Pool;
  const asked = once(held, 'asked');
  let changes = 0;
  const instance = await claimInstance({
    pool: gated,
    instanceId: 'inst_test',
    channels: { c: () => void changes++ },
    onGap: () => void changes++,
    nowMs: () => 0,
    declares: [],
    log: recordingLogger(),
  });
  const { rows } = await pool.query(CLAIMS);
  await pool.query('select pg_terminate_backend($1::int)', [rows[0].pid]);
  await asked;
  await instance.close();
  const removed = once(pool, 'remove');
  held.emit('go');
  await removed;
  await untilRows(pool, CLAIMS, (left) => left.length === 0);
  expect(changes).toBe(0);
});

test('a server gives its claim up only when its last rows are written', async () => {
  await using gateway = await openTestGateway();
  const other = await gateway.reopen();
  const { rows: claims } = await gateway.pool.query(CLAIMS);
  expect(claims).toHaveLength(2);
  const blocker = await gateway.pool.connect();
  try {
    await blocker.query('begin; lock table gateway.request in access exclusive mode');
    const answer = await fetch(`${other.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: 'Bearer sk-test-bootstrap-not-a-secret', 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'm', messages: [] }),
    });
    expect(answer.status).toBe(200);
    await answer.text();
    await untilRows(gateway.pool, "select 1 from pg_locks where not granted and relation = 'gateway.request'::regclass", (rows) => rows.length > 0);
    let closed = false;
    const closing = other[Symbol.asyncDispose]().then(() => (closed = true));
    // Its listener ends first; what comes then has the time of many round trips.
    while (
      await fetch(`${other.url}/livez`).then(
        () => true,
        () => false,
      )
    )
      await new Promise(setImmediate);
    for (let i = 0; i < 50; i++) {
      expect((await gateway.pool.query(CLAIMS)).rows).toHaveLength(2);
    }
    expect(closed).toBe(false);
    await blocker.query('commit');
    await closing;
  } finally {
    blocker.release(true);
  }
  await untilRows(gateway.pool, CLAIMS, (rows) => rows.length === 1);
  const { rows } = await gateway.pool.query<{ outcome: string }>('select outcome from gateway.request');
  expect(rows).toEqual([{ outcome: 'completed' }]);
});

test('a process that was cut off from the notices of others reads what it missed', async () => {
  await using gateway = await openTestGateway(2);
  await using other = await gateway.reopen();
  const terminate = "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and query ilike 'listen%'";
  const at = (url: string, body: object, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${url}/v1/responses`, {
      method: 'POST',
      headers: { authorization: 'Bearer sk-test-bootstrap-not-a-secret', 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ model: 'm', input: 'x', store: false, ...body }),
    });
  expect((await gateway.pool.query(terminate)).rowCount).toBeGreaterThanOrEqual(2);
  await untilRows(gateway.pool, CLAIMS, (rows) => rows.length === 0);
  const first = await at(gateway.url, {}, { 'thread-id': 'thread-1' });
  await first.text();
  // A session is a preference, so nobody asks the database for it: what the other knows of it, it has read when it could hear again.
  while ((await other.metric('switchyard_bindings{kind="session"}')) !== 1) await new Promise(setImmediate);
  for (let i = 0; i < 4; i++) {
    const next = await at(other.url, {}, { 'thread-id': 'thread-1' });
    await next.text();
    expect(next.headers.get('x-switchyard-account')).toBe(first.headers.get('x-switchyard-account'));
  }
});

test('processes on one database tell each other what they bind', async () => {
  await using gateway = await openTestGateway(2);
  await using other = await gateway.reopen();
  // The second one has seen the first at its start; the first sees the second within 5 s.
  for (const [from, to, thread] of [
    [other, gateway, 'one'],
    [gateway, other, 'two'],
  ] as const) {
    const known = (): Promise<number> => to.metric('switchyard_bindings{kind="session"}');
    const before = await known();
    let sent = 0;
    for (; (await known()) === before; sent++) {
      const answer = await fetch(`${from.url}/v1/responses`, {
        method: 'POST',
        headers: { authorization: 'Bearer sk-test-bootstrap-not-a-secret', 'content-type': 'application/json', 'thread-id': `${thread}-${sent}` },
        body: JSON.stringify({ model: 'm', input: 'x', store: false }),
      });
      await answer.text();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(sent).toBeGreaterThan(0);
  }
});
