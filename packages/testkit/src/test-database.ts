import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import { migrate } from '@switchyard/database';
import type { DatabaseTarget, MigrationSet } from '@switchyard/database';
import pg from 'pg';
import { inject } from 'vitest';

import { silentLogger } from './loggers.ts';
import './global-setup.ts';

/** A database of one test file. Disposing it drops it, whoever is still connected, and closes the pool. */
export interface TestDatabase extends AsyncDisposable {
  readonly connection: DatabaseTarget;
  readonly pool: pg.Pool;
}

/**
 * A fresh database with these migrations applied: a copy of a template that is made once per run and set of files, so a copy costs about
 * 0.1 s whatever the migrations cost. For files named `*.pg.test.ts`; the run's server is started for them.
 */
export async function testDatabase(options: { sets?: readonly MigrationSet[] } = {}): Promise<TestDatabase> {
  const server = inject('databaseServer');
  if (!server) throw new Error('No database server was started for this run: name a test file that needs one x.pg.test.ts.');
  const name = `test_${process.pid}_${randomBytes(6).toString('hex')}`;
  const template = await templateFor(server, options.sets ?? []);
  await onServer(server, (client) => client.query(`CREATE DATABASE ${name} TEMPLATE ${template}`));
  const connection = onDatabase(server, name);
  const pool = new pg.Pool({ ...('url' in connection ? { connectionString: connection.url } : connection), max: 4 });
  // A test, or the end of it, may break connections on the server's side.
  pool.on('error', () => {}).on('connect', (client) => client.on('error', () => {}));
  return {
    connection,
    pool,
    async [Symbol.asyncDispose]() {
      // In this order, because the pool waits for its queries to end and the server does not.
      await onServer(server, (client) => client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`));
      if (!pool.ended) await pool.end();
    },
  };
}

/** Makes the template unless another process has; whoever holds the lock makes it, and it gets its name when it is whole. */
async function templateFor(server: DatabaseTarget, sets: readonly MigrationSet[]): Promise<string> {
  if (sets.length === 0) return 'template0';
  const digest = digestOf(sets);
  const template = `template_${digest}`;
  await onServer(server, async (client) => {
    await client.query('SELECT pg_advisory_lock(hashtext($1))', [template]);
    const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [template]);
    if (rowCount === 1) return;
    const draft = `draft_${digest}`;
    await client.query(`DROP DATABASE IF EXISTS ${draft} WITH (FORCE)`);
    await client.query(`CREATE DATABASE ${draft} TEMPLATE template0`);
    await migrate({ connection: onDatabase(server, draft), sets, log: silentLogger() });
    await client.query(`ALTER DATABASE ${draft} RENAME TO ${template}`);
  });
  return template;
}

function digestOf(sets: readonly MigrationSet[]): string {
  const hash = createHash('sha256');
  for (const { service, directory } of sets)
    for (const name of readdirSync(directory).sort()) hash.update(`${service}\0${name}\0`).update(readFileSync(join(directory, name)));
  return hash.digest('hex').slice(0, 16);
}

async function onServer<T>(server: DatabaseTarget, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client('url' in server ? { connectionString: server.url } : server);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

function onDatabase(server: DatabaseTarget, name: string): DatabaseTarget {
  if (!('url' in server)) return { ...server, database: name };
  const url = new URL(server.url);
  url.pathname = `/${name}`;
  return { url: url.href };
}
