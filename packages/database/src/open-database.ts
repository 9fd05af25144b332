import type { Logger } from '@switchyard/observability';
import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';

import { watchAvailability } from './availability.ts';
import type { Availability } from './availability.ts';
import { clientConfig, isConnectionLoss } from './connection.ts';
import type { DatabaseTarget } from './connection.ts';
import { askOnce, waitForAnswer } from './wait-for-answer.ts';

/** An open database. `pool` is for plain SQL, `kysely` for ordinary queries; both share the same connections. */
export interface Database<Tables = unknown> extends AsyncDisposable {
  readonly pool: pg.Pool;
  readonly kysely: Kysely<Tables>;
  /** What was last known; costs nothing, so the hot path may ask it. */
  isAvailable(): boolean;
  /** Calls back at each change. @returns a function that ends it. */
  onAvailability(listener: (available: boolean) => void): () => void;
  /** Waits for running queries, then closes all connections. */
  close(): Promise<void>;
}

export interface OpenDatabaseOptions {
  readonly connection: DatabaseTarget;
  readonly poolSize: number;
  readonly log: Logger;
  /** The server ends a statement after this, and the driver gives it up 5 s later. */
  readonly statementTimeoutMs?: number;
  /** How long to wait for a server that does not answer yet. */
  readonly connectTimeoutMs?: number;
  readonly applicationName?: string;
}

/**
 * Opens the pool after one question was answered.
 * @throws DatabaseRefusal `unreachable`, without the password that an address may hold.
 */
export async function openDatabase<Tables = unknown>(options: OpenDatabaseOptions): Promise<Database<Tables>> {
  const { connection, log, statementTimeoutMs = 30_000, connectTimeoutMs = 10_000, applicationName = 'switchyard' } = options;
  const config = clientConfig(connection, applicationName);
  const ask = (): Promise<void> => askOnce(config);
  await waitForAnswer(connection, connectTimeoutMs);

  const availability = watchAvailability(ask, log);
  const pool = new WatchedPool(
    { ...config, max: options.poolSize, statement_timeout: statementTimeoutMs, query_timeout: statementTimeoutMs + 5_000 },
    availability,
  );
  const kysely = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    availability.close();
    return (closing ??= pool.end());
  };
  return {
    pool,
    kysely,
    isAvailable: () => availability.isAvailable(),
    onAvailability: (listener) => availability.onChange(listener),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** A pool that tells what its connections learn. */
class WatchedPool extends pg.Pool {
  readonly #availability: Availability;

  constructor(config: pg.PoolConfig, availability: Availability) {
    super(config);
    this.#availability = availability;
    this.on('connect', (client) => {
      availability.seen();
      // Also keeps a connection that breaks while a caller holds it from ending the process.
      client.on('error', this.#judge);
    });
    this.on('error', this.#judge);
    this.on('release', (error) => {
      if (error) this.#judge(error);
    });
  }

  readonly #judge = (error: unknown): void => {
    if (isConnectionLoss(error)) this.#availability.suspect();
  };

  // Whatever the reason why no connection is to be had, its codes are many: a database that is shut, dropped, or asks for another password.
  override connect(): Promise<pg.PoolClient>;
  override connect(callback: (err: Error | undefined, client: pg.PoolClient | undefined, done: (release?: unknown) => void) => void): void;
  override connect(
    callback?: (err: Error | undefined, client: pg.PoolClient | undefined, done: (release?: unknown) => void) => void,
  ): Promise<pg.PoolClient> | void {
    if (callback)
      return super.connect((error, client, done) => {
        if (error) this.#availability.suspect();
        callback(error, client, done);
      });
    return super.connect().catch((error: unknown) => {
      this.#availability.suspect();
      throw error;
    });
  }
}
