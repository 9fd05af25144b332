import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { migrate, startEmbeddedPostgres } from '@switchyard/database';
import type { DatabaseTarget } from '@switchyard/database';
import { silentLogger, temporaryHome } from '@switchyard/testkit';
import { GATEWAY_MIGRATIONS } from '../src/index.ts';

/** Makes migrated databases on a server of its own, or on the one at TEST_DATABASE_URL. */
export interface Databases extends AsyncDisposable {
  /** Where the server is, for a program that is to use it, too. */
  readonly url: string;
  make(): Promise<DatabaseTarget>;
}

export async function openDatabases(): Promise<Databases> {
  await using stack = new AsyncDisposableStack();
  const given = process.env['TEST_DATABASE_URL'];
  let url = given ?? '';
  if (url === '') {
    const home = stack.use(await temporaryHome());
    const { host, user, database } = stack.use(await startEmbeddedPostgres({ home: home.path, log: silentLogger() })).connection;
    url = `postgresql:///${database}?host=${encodeURIComponent(host)}&user=${user}`;
  }
  const made: string[] = [];
  const onServer = async (sql: string): Promise<void> => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query(sql).finally(() => client.end());
  };
  stack.defer(async () => {
    for (const name of made) await onServer(`drop database if exists ${name} with (force)`);
  });
  const owned = stack.move();
  return {
    url,
    async make() {
      const name = `prove_${randomBytes(6).toString('hex')}`;
      await onServer(`create database ${name} template template0`);
      made.push(name);
      const target = new URL(url);
      target.pathname = `/${name}`;
      const connection = { url: target.href };
      await migrate({ connection, sets: [GATEWAY_MIGRATIONS], log: silentLogger() });
      return connection;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
