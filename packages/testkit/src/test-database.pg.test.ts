import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { temporaryHome } from './temporary-home.ts';
import { testDatabase } from './test-database.ts';

test('each database is a copy of one template with the migrations applied, apart from the others', async () => {
  await using home = await temporaryHome();
  const directory = join(home.path, 'migrations');
  await mkdir(directory);
  await writeFile(join(directory, '0001-mark.sql'), `CREATE SCHEMA kit; CREATE TABLE kit.mark AS SELECT gen_random_uuid() AS made_once;`);
  const sets = [{ service: 'kit', directory }];

  const [first, second] = await Promise.all([testDatabase({ sets }), testDatabase({ sets })]);
  await using _first = first;
  await using _second = second;
  const read = async (database: typeof first): Promise<unknown[]> => (await database.pool.query('SELECT made_once FROM kit.mark')).rows;
  expect(await read(second)).toEqual(await read(first));
  await first.pool.query('DELETE FROM kit.mark');
  expect(await read(second)).toHaveLength(1);
});

test('a database is gone after its file, whoever still uses it', async () => {
  const database = await testDatabase();
  await using watcher = await testDatabase();
  const { rows } = await database.pool.query('SELECT current_database() AS name');
  const busy = database.pool.query('SELECT pg_sleep(600)').catch((error: unknown) => error);
  await database[Symbol.asyncDispose]();
  expect(await busy).toBeInstanceOf(Error);
  expect((await watcher.pool.query('SELECT FROM pg_database WHERE datname = $1', [rows[0].name])).rowCount).toBe(0);
});
