import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';

import { recordingLogger, silentLogger, testDatabase } from '@switchyard/testkit';
import type { TestDatabase } from '@switchyard/testkit';
import pg from 'pg';
import { expect, test } from 'vitest';

import type { DatabaseConnection, DatabaseTarget } from './connection.ts';
import { openDatabase } from './open-database.ts';
import type { Database } from './open-database.ts';

interface Zoo {
  'public.animal': { id: bigint; name: string };
}

test('plain SQL and Kysely share one pool, and an int8 is a bigint in both', async () => {
  await using test = await testDatabase();
  await using database = await openDatabase<Zoo>({ connection: test.connection, poolSize: 2, log: silentLogger() });
  await database.pool.query('CREATE TABLE animal (id bigint, name text)');
  await database.kysely.insertInto('public.animal').values({ id: 9_007_199_254_740_993n, name: 'okapi' }).execute();
  expect(await database.kysely.selectFrom('public.animal').selectAll().execute()).toEqual([{ id: 9_007_199_254_740_993n, name: 'okapi' }]);
  expect((await database.pool.query('SELECT count(*) AS n FROM animal')).rows).toEqual([{ n: 1n }]);
});

test('a statement that takes too long is ended, and the connection goes on', async () => {
  await using test = await testDatabase();
  await using database = await openDatabase({ connection: test.connection, poolSize: 1, log: silentLogger(), statementTimeoutMs: 50 });
  await expect(database.pool.query('SELECT pg_sleep(60)')).rejects.toMatchObject({ code: '57014' });
  expect((await database.pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  expect(database.isAvailable()).toBe(true);
});

test('a broken connection neither ends the process nor counts as a database that is away', async () => {
  await using test = await testDatabase();
  const log = recordingLogger();
  await using database = await openDatabase({ connection: test.connection, poolSize: 2, log });
  const idle = await database.pool.connect();
  const { rows } = await idle.query('SELECT pg_backend_pid() AS pid');
  const held = await database.pool.connect();
  const heldPid = (await held.query('SELECT pg_backend_pid() AS pid')).rows[0].pid;
  idle.release();
  const ended = Promise.all([idle, held].map((client) => new Promise<void>((resolve) => client.once('end', () => resolve()))));
  await test.pool.query('SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) AS pid', [[rows[0].pid, heldPid]]);
  await ended;
  await expect(held.query('SELECT 1')).rejects.toThrow();
  held.release();
  expect((await database.pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  expect(database.isAvailable()).toBe(true);
  expect(log.records).toEqual([]);
});

test('a server that goes away is noticed from the broken connections, and its return by itself', async () => {
  await using test = await testDatabase();
  await using gate = await openGate(test.connection);
  const log = recordingLogger();
  await using database = await openDatabase({ connection: { url: gate.url }, poolSize: 2, log });
  const changes: boolean[] = [];
  const end = database.onAvailability((available) => changes.push(available));
  await database.pool.query('SELECT 1');

  const away = changed(database);
  gate.shut();
  await away;
  expect(database.isAvailable()).toBe(false);
  await expect(database.pool.query('SELECT 1')).rejects.toThrow();

  const back = changed(database);
  gate.open();
  await back;
  expect(database.isAvailable()).toBe(true);
  expect((await database.pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  end();
  expect(changes).toEqual([false, true]);
  expect(log.records.map(({ event }) => event)).toEqual(['database_away', 'database_back']);
});

test('a server that goes away while no connection is open is noticed by the first query', async () => {
  await using test = await testDatabase();
  await using gate = await openGate(test.connection);
  await using database = await openDatabase({ connection: { url: gate.url }, poolSize: 2, log: silentLogger() });
  expect(database.pool.totalCount).toBe(0);
  gate.shut();
  const away = changed(database);
  await expect(database.pool.query('SELECT 1')).rejects.toThrow();
  await away;
  expect(database.isAvailable()).toBe(false);
});

test('a database that takes no connections any more is noticed by the first query, and so is its being opened again', async () => {
  await using test = await testDatabase();
  await using database = await openDatabase({ connection: test.connection, poolSize: 2, log: silentLogger() });
  const { rows } = await test.pool.query<{ name: string }>('SELECT current_database() AS name');
  const outside = new pg.Client(
    'url' in test.connection ? test.connection.url.replace(rows[0]!.name, 'postgres') : { ...test.connection, database: 'postgres' },
  );
  await outside.connect();
  try {
    const away = changed(database);
    await outside.query(`ALTER DATABASE ${rows[0]!.name} ALLOW_CONNECTIONS false`);
    await expect(database.pool.query('SELECT 1')).rejects.toMatchObject({ code: '55000' });
    await away;
    expect(database.isAvailable()).toBe(false);
    const back = changed(database);
    await outside.query(`ALTER DATABASE ${rows[0]!.name} ALLOW_CONNECTIONS true`);
    await back;
    expect(database.isAvailable()).toBe(true);
  } finally {
    await outside.end();
  }
});

test('an address that cannot be used is refused without its password', async () => {
  const closed = createServer().listen(0, '127.0.0.1');
  await once(closed, 'listening');
  const { port } = closed.address() as AddressInfo;
  closed.close();
  const url = `postgres://someone:sk-test-not-a-secret@127.0.0.1:${port}/switchyard`;
  const refusal = await openDatabase({ connection: { url }, poolSize: 1, log: silentLogger(), connectTimeoutMs: 0 }).catch((error: unknown) => error);
  expect(refusal).toMatchObject({ reason: 'unreachable', message: expect.stringContaining(`switchyard at 127.0.0.1:${port} (DATABASE_URL)`) });
  expect(`${(refusal as Error).message} ${String((refusal as Error).cause)}`).not.toContain('not-a-secret');
});

test('a database that does not exist is refused at once', async () => {
  await using test = await testDatabase();
  const connection = 'url' in test.connection ? { url: `${test.connection.url}_absent` } : { ...test.connection, database: 'absent' };
  await expect(openDatabase({ connection, poolSize: 1, log: silentLogger(), connectTimeoutMs: 600_000 })).rejects.toMatchObject({ reason: 'unreachable' });
});

test('closing waits for the running query and leaves no connection', async () => {
  await using test = await testDatabase();
  const database = await openDatabase({ connection: test.connection, poolSize: 2, log: silentLogger(), applicationName: 'closing-test' });
  const running = database.pool.query('SELECT pg_sleep(0.05), 1 AS one');
  await database.close();
  expect((await running).rows[0].one).toBe(1);
  expect(await connections(test)).toBe(0);
});

async function connections(test: TestDatabase): Promise<number> {
  const { rowCount } = await test.pool.query("SELECT FROM pg_stat_activity WHERE application_name = 'closing-test'");
  return rowCount ?? 0;
}

function changed(database: Database): Promise<void> {
  return new Promise((resolve) => {
    const end = database.onAvailability(() => {
      end();
      resolve();
    });
  });
}

interface Gate extends AsyncDisposable {
  readonly url: string;
  /** Breaks every connection and takes no new one. */
  shut(): void;
  open(): void;
}

/** A port in front of the database that can be shut, as if the server were gone. */
async function openGate(target: DatabaseTarget): Promise<Gate> {
  const to = 'url' in target ? new pg.Client({ connectionString: target.url }) : (target satisfies DatabaseConnection);
  const sockets = new Set<Socket>();
  let shut = false;
  const server = createServer((near) => {
    if (shut) return void near.resetAndDestroy();
    const far = to.host.startsWith('/') ? connect(join(to.host, `.s.PGSQL.${to.port}`)) : connect(to.port, to.host);
    for (const socket of [near, far]) sockets.add(socket.on('error', () => {}));
    near.pipe(far).pipe(near);
    near.once('close', () => far.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const breakAll = (): void => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  return {
    url: `postgres://${to.user}@127.0.0.1:${(server.address() as AddressInfo).port}/${to.database}`,
    shut() {
      shut = true;
      breakAll();
    },
    open() {
      shut = false;
    },
    async [Symbol.asyncDispose]() {
      breakAll();
      server.close();
      await once(server, 'close');
    },
  };
}
