import { mkdirSync, realpathSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Logger } from '@switchyard/observability';

import type { DatabaseConnection } from '../connection.ts';
import { refusalOfFileFault } from '../database-refusal.ts';
import { POSTGRES_USER, ensureDataFolder } from './data-folder.ts';
import { endOrphan } from './end-orphan.ts';
import { awaitHome } from './await-home.ts';
import { lockHome } from './home-lock.ts';
import type { HomeUse } from './home-lock.ts';
import { chooseLauncher } from './launcher.ts';
import type { RootWay } from './launcher.ts';
import { keepLogBounded } from './server-log.ts';
import { findPostgresBinaries } from './postgres-binaries.ts';
import { DATABASE_NAME, startPostmaster } from './postmaster.ts';
import type { Postmaster } from './postmaster.ts';
import { prepareSocketFolder, socketFolderOf } from './socket-folder.ts';

/** A PostgreSQL of our own, running. Disposing it stops the server and gives the home free. */
export interface EmbeddedPostgres extends AsyncDisposable {
  readonly connection: DatabaseConnection;
  /** Of the server process; another one after it crashed and was started again, null in between. */
  readonly pid: number | null;
  /** Of the npm package that carries the binaries. */
  readonly version: string;
  /** Whether this start made the data folder. */
  readonly created: boolean;
}

export interface EmbeddedPostgresOptions {
  /** SWITCHYARD_HOME; made if it is missing. */
  readonly home: string;
  readonly log: Logger;
  /** What the home is needed for; a server unless said otherwise. */
  readonly use?: HomeUse;
  /** Limit of a start, recovery after a crash included. */
  readonly startTimeoutMs?: number;
  /** Each of the steps of a stop: fast, immediate, kill. */
  readonly stopGraceMs?: number;
  /** How often the size of its log is looked at. */
  readonly logCheckMs?: number;
  readonly env?: NodeJS.ProcessEnv;
  readonly rootWay?: RootWay;
  readonly sharedState?: string;
}

const RESTART_BACKOFF_MS = { first: 250, most: 5_000 };

/**
 * Starts PostgreSQL from the npm binaries on `home/postgres`, over a unix socket only, and keeps it running until disposed: a server
 * that dies is started again. A server left by a process that was killed is ended first.
 * @throws DatabaseRefusal with a sentence for the operator; `home_in_use` when another process has this home; a server waits for a command that has it.
 * @see architecture 1, row "Database"
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { log, startTimeoutMs = 120_000, stopGraceMs = 10_000 } = options;
  const began = performance.now();
  const binaries = findPostgresBinaries();
  const home = makeHome(options.home);
  const lock = options.use === 'command' ? lockHome(home, 'command') : await awaitHome(home, log);
  try {
    const launcher = chooseLauncher({ home, binaries, env: options.env ?? process.env, rootWay: options.rootWay, sharedState: options.sharedState });
    const dataFolder = join(launcher.root, 'postgres');
    const logPath = join(home, 'postgres.log');
    const socketFolder = socketFolderOf(launcher.root);
    const start = async (): Promise<Postmaster> => {
      await endOrphan(dataFolder, log);
      prepareSocketFolder(socketFolder, launcher.owner);
      return startPostmaster({ launcher, socketFolder, logPath, startTimeoutMs });
    };

    await endOrphan(dataFolder, log);
    const created = await ensureDataFolder(launcher, binaries.major);
    const server = supervise(await start(), start, log, stopGraceMs);
    const leaveLog = keepLogBounded(logPath, log, options.logCheckMs);
    log.info('database_started', created ? 'PostgreSQL was set up and started' : 'PostgreSQL started', {
      pid: server.pid(),
      version: binaries.packageVersion,
      directory: dataFolder,
      socket: socketFolder,
      duration_ms: Math.round(performance.now() - began),
    });

    let closing: Promise<void> | undefined;
    return {
      connection: { host: socketFolder, port: 5432, user: POSTGRES_USER, database: DATABASE_NAME },
      get pid() {
        return server.pid();
      },
      version: binaries.packageVersion,
      created,
      [Symbol.asyncDispose]: () =>
        (closing ??= server.stop().finally(async () => {
          await leaveLog();
          rmSync(socketFolder, { recursive: true, force: true });
          lock.release();
        })),
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}

function makeHome(home: string): string {
  try {
    mkdirSync(home, { recursive: true, mode: 0o700 });
    return realpathSync(home);
  } catch (error) {
    throw refusalOfFileFault(error, home);
  }
}

/** Starts the server again when it ends without being told, with a back-off that a success resets. */
function supervise(first: Postmaster, start: () => Promise<Postmaster>, log: Logger, stopGraceMs: number): { pid(): number | null; stop(): Promise<void> } {
  let current: Postmaster | null = first;
  const stopping = new AbortController();

  const watch = async (): Promise<void> => {
    for (;;) {
      await current!.exited;
      if (stopping.signal.aborted) return;
      log.critical('database_died', 'PostgreSQL ended without being told to; starting it again', { pid: current!.pid });
      current = null;
      for (let waitMs = RESTART_BACKOFF_MS.first; current === null; waitMs = Math.min(2 * waitMs, RESTART_BACKOFF_MS.most)) {
        try {
          current = await start();
          log.info('database_started', 'PostgreSQL started again', { pid: current.pid });
        } catch (error) {
          log.error('database_start_failed', 'PostgreSQL could not be started again; trying once more', { error, backoff_ms: waitMs });
          await sleep(waitMs, undefined, { signal: stopping.signal }).catch(() => {});
        }
        if (stopping.signal.aborted) {
          await current?.stop(stopGraceMs);
          return;
        }
      }
    }
  };
  const watching = watch();

  return {
    pid: () => current?.pid ?? null,
    stop: async () => {
      stopping.abort();
      await current?.stop(stopGraceMs);
      await watching;
    },
  };
}
