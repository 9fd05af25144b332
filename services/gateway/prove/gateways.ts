import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { loadConfig } from '@switchyard/config';
import type { Config } from '@switchyard/config';
import type { DatabaseTarget } from '@switchyard/database';
import { openVault } from '@switchyard/security';
import type { Vault } from '@switchyard/security';
import { recordingLogger } from '@switchyard/testkit';
import type { LogRecord } from '@switchyard/testkit';
import { REST_MS } from './changes.ts';
import { openLife } from './life.ts';
import type { Life } from './life.ts';
import type { WorldClock } from './world-clock.ts';

export interface GatewaysParts {
  /** A migrated database of its own. */
  readonly connection: DatabaseTarget;
  /** A folder of its own. */
  readonly home: string;
  readonly clock: WorldClock;
}

/** Waits that would end what nobody has ended, when time is skipped. */
const PATIENT = String(2 ** 31 - 1);

/** Real gateways on one real database, which can be taken away from them. */
export class Gateways implements AsyncDisposable {
  /** What they have written to their log in this case. */
  readonly log: LogRecord[];
  readonly #parts: GatewaysParts;
  readonly #config: Config;
  readonly #vault: Vault;
  readonly #logger: ReturnType<typeof recordingLogger>;
  readonly #pool: pg.Pool;
  #lives: Life[] = [];
  #isAway = false;

  constructor(parts: GatewaysParts) {
    this.#parts = parts;
    const { connection, home } = parts;
    this.#logger = recordingLogger();
    this.log = this.#logger.records as LogRecord[];
    const patient = { SWITCHYARD_WEBSOCKET_PING_MS: PATIENT, SWITCHYARD_WEBSOCKET_RETIRE_MS: PATIENT, SWITCHYARD_UPSTREAM_IDLE_TIMEOUT_MS: PATIENT };
    this.#config = loadConfig({ env: { SWITCHYARD_HOME: home, SWITCHYARD_BOOTSTRAP_KEY: 'sk-test-bootstrap-not-a-secret', ...patient } }).config;
    this.#vault = openVault({ home, loopback: true, log: this.#logger });
    this.#pool = new pg.Pool({
      ...('url' in connection ? { connectionString: connection.url } : connection),
      max: 1,
      idleTimeoutMillis: 0,
      options: '-c synchronous_commit=off',
    });
    this.#pool.on('error', () => {});
  }

  get lives(): readonly Life[] {
    return this.#lives;
  }

  /** The first, through which changes are made. */
  get first(): Life {
    return this.#lives[0]!;
  }

  /** They cannot reach the database. */
  get isAway(): boolean {
    return this.#isAway;
  }

  /** Opens the first. */
  async open(): Promise<void> {
    // The crashes here are those of gateways, never of the database, so it need not wait for its disk.
    await this.query(`do $$ begin execute format('alter database %I set synchronous_commit = off', current_database()); end $$`);
    await this.add();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.closeAll();
    await this.#pool.end();
  }

  /** Opens a further one. */
  async add(): Promise<void> {
    const { connection, clock } = this.#parts;
    const life = await openLife({
      connection,
      config: this.#config,
      vault: this.#vault,
      log: this.#logger,
      nowMs: clock.nowMs,
      wallClockMs: clock.wallClockMs,
      terminate: (name) => this.#terminate(name),
    });
    this.#lives.push(life);
  }

  /** Ends one, in order or at once. Others stay. */
  async end(life: Life, how: 'close' | 'crash'): Promise<void> {
    this.#lives = this.#lives.filter((each) => each !== life);
    await life[how]();
  }

  async closeAll(): Promise<void> {
    for (const life of this.#lives) await life.close();
    this.#lives = [];
  }

  async query<R extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<R[]> {
    return (await this.#pool.query<R>(text, values)).rows;
  }

  async #terminate(applicationName: string): Promise<void> {
    await this.query('select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1 and datname = current_database()', [applicationName]);
  }

  /** Takes the database away, while nothing runs, or gives it back. */
  async setDatabase(isAway: boolean): Promise<void> {
    // A database cannot shut itself off.
    const { connection } = this.#parts;
    const outside = new pg.Client('url' in connection ? connection.url.replace(/\/\w+(?=\?|$)/, '/postgres') : { ...connection, database: 'postgres' });
    await outside.connect();
    const [{ name } = { name: '' }] = await this.query<{ name: string }>('select current_database() as name');
    await outside.query(`alter database ${name} allow_connections ${String(!isAway)}`).finally(() => outside.end());
    this.#isAway = isAway;
    for (let tries = 0; tries === 0 || this.#lives.some((life) => life.isCutOff() !== isAway); tries++) {
      // Again and again: a connection that was being opened may come to be behind the look at those that are open, and whoever has none sees nothing.
      if (isAway && tries % 500 === 0)
        for (const life of this.#lives) {
          await this.#terminate(life.name);
          await life.askDatabase();
        }
      if (tries > REST_MS / 2) throw new Error(`a gateway did not see that the database is ${isAway ? 'away' : 'back'}`);
      // One that is asked sees at once that it is back; else it would ask by itself, ever more seldom.
      if (!isAway) for (const life of this.#lives) await life.askDatabase();
      await sleep(2);
    }
  }

  /** Waits until every gateway knows what has been changed through the first of them. */
  async spread(isKnown: (life: Life) => Promise<boolean>): Promise<void> {
    for (const life of this.#lives) {
      for (let tries = 0; !(await isKnown(life)); tries++) {
        if (tries > REST_MS / 2) throw new Error('a gateway did not hear of a change');
        await sleep(2);
      }
    }
  }
}
