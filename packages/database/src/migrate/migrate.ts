import type { Logger } from '@switchyard/observability';
import pg from 'pg';

import { clientConfig } from '../connection.ts';
import type { DatabaseTarget } from '../connection.ts';
import { DatabaseRefusal } from '../database-refusal.ts';
import { waitForAnswer } from '../wait-for-answer.ts';
import { readMigrationFiles } from './migration-files.ts';
import type { MigrationFile, MigrationSet } from './migration-files.ts';

export interface MigrateOptions {
  readonly connection: DatabaseTarget;
  readonly sets: readonly MigrationSet[];
  readonly log: Logger;
  /** How long to wait for a server that does not answer yet. */
  readonly connectTimeoutMs?: number;
  /** Called when a migration has run and is not yet kept; what it throws makes it fail. */
  readonly beforeCommit?: () => void;
}

// One number for all that migrate this database: the ASCII of "swyd".
const LOCK = 0x73777964;

const PLATFORM = `
  CREATE SCHEMA IF NOT EXISTS platform;
  CREATE TABLE IF NOT EXISTS platform.migration (
    service    text        NOT NULL,
    number     integer     NOT NULL,
    name       text        NOT NULL,
    checksum   text        NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (service, number)
  );`;

/**
 * Brings the schemas of the services up to date, forward only. Each migration and its row are one transaction, so a run that was killed is
 * simply run again; of several processes one works and the others wait for it. Its first file makes the schema, which is named like the service.
 * All files are looked at before the first is applied.
 * @returns how many were applied.
 * @throws DatabaseRefusal `unreachable`, `migration_files`, `migration_changed`, `migration_newer`, or `migration_failed` naming the file.
 */
export async function migrate(options: MigrateOptions): Promise<number> {
  const { sets, log } = options;
  const files = sets.map((set) => ({ service: set.service, files: readMigrationFiles(set) }));
  await waitForAnswer(options.connection, options.connectTimeoutMs ?? 10_000);
  const client = new pg.Client(clientConfig(options.connection, 'switchyard-migrate'));
  client.on('error', () => {}); // the running query rejects as well
  await client.connect();
  try {
    await takeLock(client, log);
    await client.query(`BEGIN; ${PLATFORM} COMMIT`);
    const applied = await readApplied(client);
    const pending = files.flatMap(({ service, files }) => pendingOf(service, files, applied.get(service) ?? []).map((file) => ({ service, file })));
    for (const { service, file } of pending) {
      const began = performance.now();
      await apply(client, service, file, options.beforeCommit);
      log.info('migration_applied', 'the database was brought one step further', {
        service,
        migration: file.name,
        duration_ms: Math.round(performance.now() - began),
      });
    }
    return pending.length;
  } finally {
    await client.end(); // gives the lock free
  }
}

async function takeLock(client: pg.Client, log: Logger): Promise<void> {
  // So that the server notices within a second when this process is killed in a long statement, and the next one need not wait for its end.
  await client.query("SET client_min_messages = warning; SET client_connection_check_interval = '1s'");
  const { rows } = await client.query<{ taken: boolean }>('SELECT pg_try_advisory_lock($1) AS taken', [LOCK]);
  if (rows[0]!.taken) return;
  log.info('migration_waiting', 'another process is migrating the database; waiting for it');
  await client.query('SELECT pg_advisory_lock($1)', [LOCK]);
}

interface AppliedMigration {
  readonly service: string;
  readonly number: number;
  readonly name: string;
  readonly checksum: string;
}

async function readApplied(client: pg.Client): Promise<Map<string, AppliedMigration[]>> {
  const { rows } = await client.query<AppliedMigration>('SELECT service, number, name, checksum FROM platform.migration ORDER BY service, number');
  return Map.groupBy(rows, (row) => row.service);
}

function pendingOf(service: string, files: readonly MigrationFile[], applied: readonly AppliedMigration[]): MigrationFile[] {
  for (const row of applied) {
    const file = files[row.number - 1];
    if (!file)
      throw new DatabaseRefusal(
        'migration_newer',
        `The database holds ${service} migration ${row.name}, which this version of Switchyard does not know: a newer one has used it. Start that version, or restore a backup made before the upgrade; migrations are not undone.`,
      );
    if (file.checksum !== row.checksum)
      throw new DatabaseRefusal(
        'migration_changed',
        `${file.path} differs from what was applied to this database as ${row.name}. Restore the file as it was, and put the change into a new migration.`,
      );
  }
  return files.slice(applied.length);
}

async function apply(client: pg.Client, service: string, file: MigrationFile, beforeCommit: (() => void) | undefined): Promise<void> {
  try {
    await client.query('BEGIN');
    await client.query(`SET LOCAL search_path TO "${service}"`);
    const before = await transactionId(client);
    await client.query(file.sql);
    if ((await transactionId(client)) !== before)
      throw new DatabaseRefusal(
        'migration_failed',
        `The migration ${file.path} ends the transaction that it runs in, so part of it may be kept. Take COMMIT and ROLLBACK out of it, and restore the database from a backup.`,
      );
    await client.query('INSERT INTO platform.migration (service, number, name, checksum) VALUES ($1, $2, $3, $4)', [
      service,
      file.number,
      file.name,
      file.checksum,
    ]);
    beforeCommit?.();
    await client.query('COMMIT');
  } catch (cause) {
    await client.query('ROLLBACK').catch(() => {}); // the connection may be what failed
    if (cause instanceof DatabaseRefusal) throw cause;
    const { message, position } = cause as { message: string; position?: string };
    const line = position === undefined ? '' : ` at line ${file.sql.slice(0, Number(position) - 1).split('\n').length}`;
    throw new DatabaseRefusal(
      'migration_failed',
      `The migration ${file.path} failed${line}: ${message}. Nothing of it was kept; mend the cause and start again.`,
      { cause },
    );
  }
}

async function transactionId(client: pg.Client): Promise<string> {
  const { rows } = await client.query<{ id: string }>('SELECT pg_current_xact_id()::text AS id');
  return rows[0]!.id;
}
