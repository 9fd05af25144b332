import { spawn } from 'node:child_process';
import { closeSync, fstatSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import pg from 'pg';

import { DatabaseRefusal } from '../database-refusal.ts';
import { POSTGRES_USER } from './data-folder.ts';
import type { Launcher } from './launcher.ts';
import { openServerLog, readLogSince } from './server-log.ts';
import { refusalOfServerOutput } from './server-output.ts';
import { settingArguments } from './settings.ts';

/** A running server process. */
export interface Postmaster {
  readonly pid: number;
  /** Settles when the process has ended, for whatever reason; never rejects. */
  readonly exited: Promise<void>;
  /** Fast shutdown; after `graceMs` an immediate one, after as much again the end. */
  stop(graceMs: number): Promise<void>;
}

/** The database that Switchyard keeps its schemas in. */
export const DATABASE_NAME = 'switchyard';

export interface PostmasterOptions {
  readonly launcher: Launcher;
  readonly socketFolder: string;
  readonly logPath: string;
  /** Recovery after a crash counts into it. */
  readonly startTimeoutMs: number;
}

const POLL_MS = 10;

/** Starts the server and waits until it answers and has our database. @throws DatabaseRefusal with the server's own last words. */
export async function startPostmaster(options: PostmasterOptions): Promise<Postmaster> {
  const { launcher, socketFolder, logPath } = options;
  const dataFolder = join(launcher.root, 'postgres');
  const logFile = openServerLog(logPath);
  const logOffset = fstatSync(logFile).size;
  const words = [...launcher.prefix, join(launcher.bin, 'postgres'), '-D', dataFolder, ...settingArguments(socketFolder)];
  // A group of its own: the terminal's Ctrl-C is for us, and we stop the server after the last query.
  const child = spawn(words[0]!, words.slice(1), { env: launcher.env, cwd: '/', stdio: ['ignore', logFile, logFile], detached: true, ...launcher.owner });
  closeSync(logFile);
  let ended: { cause?: unknown } | undefined;
  const exited = new Promise<void>((resolve) => {
    child.once('error', (cause) => resolve(void (ended ??= { cause })));
    child.once('exit', () => resolve(void (ended ??= {})));
  });

  const stop = async (graceMs: number): Promise<void> => {
    for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
      if (ended) return;
      child.kill(signal);
      await Promise.race([exited, sleepUnless(exited, graceMs)]);
    }
    await exited;
  };

  const what = 'PostgreSQL did not start';
  for (const deadline = performance.now() + options.startTimeoutMs; ; await sleep(POLL_MS)) {
    if (ended) {
      if (ended.cause)
        throw new DatabaseRefusal(
          'did_not_start',
          `${what}: ${words[0]} cannot be run. Set DATABASE_URL to a PostgreSQL server to go on without the embedded one.`,
          { cause: ended.cause },
        );
      throw refusalOfServerOutput(what, dataFolder, readLogSince(logPath, logOffset));
    }
    if (await answers(socketFolder)) return { pid: child.pid!, exited, stop };
    if (performance.now() > deadline) {
      await stop(1_000);
      throw new DatabaseRefusal('did_not_start', `${what} within ${options.startTimeoutMs} ms in ${dataFolder}. Its log is ${logPath}.`);
    }
  }
}

/** Waits, but no longer than until `event`, and leaves no timer behind. */
async function sleepUnless(event: Promise<void>, ms: number): Promise<void> {
  const cancel = new AbortController();
  void event.then(() => cancel.abort());
  await sleep(ms, undefined, { signal: cancel.signal }).catch(() => {});
}

/** Whether the server takes queries; makes our database when it is the first time. */
async function answers(socketFolder: string): Promise<boolean> {
  try {
    await ask(socketFolder, DATABASE_NAME, 'SELECT 1');
    return true;
  } catch (error) {
    const code = (error as { code?: string }).code;
    if (code === '3D000') {
      await ask(socketFolder, 'postgres', `CREATE DATABASE ${DATABASE_NAME}`);
      return true;
    }
    // Not there yet, starting up, recovering, or closing: anything else would not mend itself by waiting.
    if (code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'ECONNRESET' || code === '57P03' || code === undefined) return false;
    throw error;
  }
}

async function ask(socketFolder: string, database: string, query: string): Promise<void> {
  const client = new pg.Client({ host: socketFolder, user: POSTGRES_USER, database });
  client.on('error', () => {}); // the connect or the query rejects as well
  try {
    await client.connect();
    await client.query(query);
  } finally {
    await client.end();
  }
}
