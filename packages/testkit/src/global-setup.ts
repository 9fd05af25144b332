import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { startEmbeddedPostgres } from '@switchyard/database';
import type { DatabaseTarget } from '@switchyard/database';
import type { TestProject } from 'vitest/node';

import { silentLogger } from './loggers.ts';
import { temporaryHome } from './temporary-home.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** The server of this test run; absent when no test file of it needs one. */
    databaseServer: DatabaseTarget | null;
    /** The data folder of a first start, to be copied; absent when no test file of the run starts programs, or where there is none to copy. */
    dataFolder: string | null;
  }
}

/**
 * What is made once for the whole run: a PostgreSQL, as `npm start` would start it, or the one at TEST_DATABASE_URL, whose user must be allowed
 * to create databases; and a data folder for the servers that tests start. A run without any `.pg.test.ts`, or `.child.test.ts`, has none.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  await using made = new AsyncDisposableStack();
  const files = await filesOf(project);
  const needs = (kind: string): boolean => files.some((file) => file.includes(`.${kind}.test.`));
  project.provide('dataFolder', needs('child') ? await dataFolder(made) : null);
  const url = process.env['TEST_DATABASE_URL'];
  if (url !== undefined && url !== '') project.provide('databaseServer', { url });
  else project.provide('databaseServer', needs('pg') ? await databaseServer(made) : null);
  const owned = made.move();
  return () => owned.disposeAsync();
}

async function filesOf(project: TestProject): Promise<string[]> {
  // Vitest keeps the file names of its command line to itself; without them all files count, which at worst starts a server in vain.
  const { filenamePattern } = project.vitest as unknown as { filenamePattern?: string[] };
  return (await project.globTestFiles(filenamePattern)).testFiles;
}

async function databaseServer(made: AsyncDisposableStack): Promise<DatabaseTarget> {
  const home = made.use(await temporaryHome(await folderInMemory()));
  return made.use(await startEmbeddedPostgres({ home: home.path, log: silentLogger() })).connection;
}

const IN_MEMORY = '/dev/shm';
const ROOM_BYTES = 2 ** 31;

/** Where files lie in memory, if there is room: databases are made and dropped by the hundred, and each time the server waits for its disk. */
async function folderInMemory(): Promise<string> {
  const free = await statfs(IN_MEMORY).then(
    ({ bavail, bsize }) => bavail * bsize,
    () => 0,
  );
  return free >= ROOM_BYTES ? IN_MEMORY : tmpdir();
}

/** As root without user namespaces data lies outside of the home, by the home's name: there is none to copy, and each server makes its own. */
async function dataFolder(made: AsyncDisposableStack): Promise<string | null> {
  const home = made.use(await temporaryHome());
  const postgres = await startEmbeddedPostgres({ home: home.path, log: silentLogger() });
  await postgres[Symbol.asyncDispose]();
  const folder = join(home.path, 'postgres');
  return existsSync(folder) ? folder : null;
}
