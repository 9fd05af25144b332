import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { recordingLogger, silentLogger, temporaryHome, testDatabase } from '@switchyard/testkit';
import type { TestDatabase } from '@switchyard/testkit';
import { expect, test } from 'vitest';

import { migrate } from './migrate.ts';
import type { MigrationSet } from './migration-files.ts';
import { readMigrationState } from './migration-state.ts';

interface Shop extends AsyncDisposable {
  readonly database: TestDatabase;
  readonly sets: readonly MigrationSet[];
  write(name: string, sql: string): Promise<void>;
  run(): Promise<number>;
  tables(): Promise<string[]>;
}

/** An empty database and an empty folder of migrations for a service `shop`. */
async function openShop(): Promise<Shop> {
  const stack = new AsyncDisposableStack();
  const home = stack.use(await temporaryHome());
  const database = stack.use(await testDatabase());
  const directory = join(home.path, 'migrations');
  await mkdir(directory);
  const sets = [{ service: 'shop', directory }];
  return {
    database,
    sets,
    write: (name, sql) => writeFile(join(directory, name), sql),
    run: () => migrate({ connection: database.connection, sets, log: silentLogger() }),
    async tables() {
      const { rows } = await database.pool.query("SELECT table_name FROM information_schema.tables WHERE table_schema = 'shop' ORDER BY 1");
      return rows.map((row) => row.table_name as string);
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

test('migrations are applied once each, in order, and recorded with their checksum', async () => {
  await using shop = await openShop();
  const log = recordingLogger();
  await shop.write('0001-shelf.sql', 'CREATE SCHEMA shop; CREATE TABLE shop.shelf (id int);');
  expect(await migrate({ connection: shop.database.connection, sets: shop.sets, log })).toBe(1);
  await shop.write('0002-name.sql', 'ALTER TABLE shop.shelf ADD name text; CREATE TABLE unqualified (id int);');
  expect(await migrate({ connection: shop.database.connection, sets: shop.sets, log })).toBe(1);
  expect(await shop.run()).toBe(0);
  expect(await shop.tables()).toEqual(['shelf', 'unqualified']);
  const { rows } = await shop.database.pool.query('SELECT service, number, name, length(checksum) AS digits FROM platform.migration ORDER BY number');
  expect(rows).toEqual([
    { service: 'shop', number: 1, name: '0001-shelf.sql', digits: 64 },
    { service: 'shop', number: 2, name: '0002-name.sql', digits: 64 },
  ]);
  expect(log.records.map(({ fields }) => fields.migration)).toEqual(['0001-shelf.sql', '0002-name.sql']);
});

test('a failing migration leaves nothing of itself, keeps those before it, and is named with its line', async () => {
  await using shop = await openShop();
  await shop.write('0001-shelf.sql', 'CREATE SCHEMA shop; CREATE TABLE shop.shelf (id int);');
  await shop.write('0002-broken.sql', 'CREATE TABLE shop.half (id int);\n\nALTER TABLE shop.shelf ADD CONSTRAIN x;');
  await expect(shop.run()).rejects.toMatchObject({
    reason: 'migration_failed',
    message: expect.stringMatching(/0002-broken\.sql failed at line 3: type "x" does not exist/),
  });
  expect(await shop.tables()).toEqual(['shelf']);
  await shop.write('0002-broken.sql', 'CREATE TABLE shop.half (id int);');
  expect(await shop.run()).toBe(1);
});

test('a migration that was killed half-way is simply run again', async () => {
  await using shop = await openShop();
  await shop.write('0001-shelf.sql', 'CREATE SCHEMA shop; CREATE TABLE shop.shelf (id int);');
  await shop.write('0002-slow.sql', 'CREATE TABLE shop.slow (id int); SELECT pg_sleep(600);');
  const program = join(import.meta.dirname, 'fixtures', 'migrate-once.ts');
  const child = spawn(process.execPath, [program, JSON.stringify({ connection: shop.database.connection, sets: shop.sets })], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const exited = once(child, 'exit');
  await until(async () => (await sleeping(shop)) === 1);
  child.kill('SIGKILL');
  await exited;
  await shop.write('0002-slow.sql', 'CREATE TABLE shop.slow (id int);');
  expect(await shop.run()).toBe(1);
  expect(await shop.tables()).toEqual(['shelf', 'slow']);
});

test('of two processes that migrate at once one works and the other waits and finds it done', async () => {
  await using shop = await openShop();
  await shop.write('0001-shelf.sql', 'CREATE SCHEMA shop; CREATE TABLE shop.shelf (id int); SELECT pg_sleep(0.2);');
  const counts = await Promise.all([shop.run(), shop.run(), shop.run()]);
  expect(counts.toSorted()).toEqual([0, 0, 1]);
});

test('a file that was changed after it was applied is refused by name', async () => {
  await using shop = await openShop();
  await shop.write('0001-shelf.sql', 'CREATE SCHEMA shop;\nCREATE TABLE shop.shelf (id int);');
  await shop.run();
  await shop.write('0001-shelf.sql', 'CREATE SCHEMA shop;\r\nCREATE TABLE shop.shelf (id int);');
  expect(await shop.run()).toBe(0); // only the line ends differ
  await shop.write('0001-shelf.sql', 'CREATE SCHEMA shop; CREATE TABLE shop.shelf (id bigint);');
  await expect(shop.run()).rejects.toMatchObject({ reason: 'migration_changed', message: expect.stringContaining('0001-shelf.sql') });
});

test('a database that a newer version has used is refused, with nothing applied', async () => {
  await using shop = await openShop();
  await shop.write('0001-shelf.sql', 'CREATE SCHEMA shop;');
  await shop.write('0002-later.sql', 'SELECT 1;');
  await shop.run();
  await rm(join(shop.sets[0]!.directory, '0002-later.sql'));
  await expect(shop.run()).rejects.toMatchObject({ reason: 'migration_newer', message: expect.stringContaining('0002-later.sql') });
});

test('a migration that ends its own transaction is told', async () => {
  await using shop = await openShop();
  await shop.write('0001-shelf.sql', 'CREATE SCHEMA shop; COMMIT; BEGIN;');
  await expect(shop.run()).rejects.toMatchObject({ reason: 'migration_failed', message: expect.stringContaining('COMMIT') });
});

test.for([
  ['a gap', ['0001-a.sql', '0003-c.sql'], '0002 is missing before 0003-c.sql'],
  ['a number used twice', ['0001-a.sql', '0001-b.sql'], '0001-a.sql and 0001-b.sql have one number'],
  ['a start at zero', ['0000-a.sql'], '0000-a.sql is numbered 0000'],
  ['another name', ['1-a.sql'], '1-a.sql is not so named'],
] as const)('%s among the files is refused before anything is applied', async ([, names, said]) => {
  await using shop = await openShop();
  for (const name of names) await shop.write(name, 'CREATE SCHEMA shop;');
  await expect(shop.run()).rejects.toMatchObject({ reason: 'migration_files', message: expect.stringContaining(said) });
  expect((await shop.database.pool.query("SELECT FROM pg_namespace WHERE nspname = 'platform'")).rowCount).toBe(0);
});

test('a renamed file is the same migration', async () => {
  await using shop = await openShop();
  await shop.write('0001-shelf.sql', 'CREATE SCHEMA shop;');
  await shop.run();
  await rename(join(shop.sets[0]!.directory, '0001-shelf.sql'), join(shop.sets[0]!.directory, '0001-shelves.sql'));
  expect(await shop.run()).toBe(0);
});

async function sleeping(shop: Shop): Promise<number> {
  const { rowCount } = await shop.database.pool.query("SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()");
  return rowCount ?? 0;
}

async function until(state: () => Promise<boolean>): Promise<void> {
  while (!(await state())) await sleep(20);
}

test('how far a database has been migrated can be seen without changing it', async () => {
  await using shop = await openShop();
  const state = () => readMigrationState(shop.database.pool, shop.sets);
  await shop.write('0001-shelf.sql', 'CREATE SCHEMA shop; CREATE TABLE shop.shelf (id int);');
  expect(await state()).toEqual({ pending: ['0001-shelf.sql'], unknown: [], changed: [] });
  expect((await shop.database.pool.query("SELECT FROM pg_namespace WHERE nspname = 'platform'")).rowCount).toBe(0);
  await shop.write('0002-later.sql', 'SELECT 1;');
  await shop.run();
  expect(await state()).toEqual({ pending: [], unknown: [], changed: [] });
  await rm(join(shop.sets[0]!.directory, '0002-later.sql'));
  await shop.write('0001-shelf.sql', 'CREATE SCHEMA shop;');
  expect(await state()).toEqual({ pending: [], unknown: ['0002-later.sql'], changed: ['0001-shelf.sql'] });
});
