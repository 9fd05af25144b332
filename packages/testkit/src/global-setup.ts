import { startEmbeddedPostgres } from '@switchyard/database';
import type { DatabaseTarget } from '@switchyard/database';
import type { TestProject } from 'vitest/node';

import { silentLogger } from './loggers.ts';
import { temporaryHome } from './temporary-home.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** The server of this test run; absent when no test file of it needs one. */
    databaseServer: DatabaseTarget | null;
  }
}

/**
 * One PostgreSQL for the whole run, as `npm start` would start it, or the one at TEST_DATABASE_URL, whose user must be allowed to create
 * databases. A run without any `.pg.test.ts` starts none.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const url = process.env['TEST_DATABASE_URL'];
  if (url !== undefined && url !== '') {
    project.provide('databaseServer', { url });
    return async () => {};
  }
  if (!(await needsDatabase(project))) {
    project.provide('databaseServer', null);
    return async () => {};
  }
  const stack = new AsyncDisposableStack();
  const home = stack.use(await temporaryHome());
  const postgres = stack.use(await startEmbeddedPostgres({ home: home.path, log: silentLogger() }));
  project.provide('databaseServer', postgres.connection);
  return () => stack.disposeAsync();
}

async function needsDatabase(project: TestProject): Promise<boolean> {
  // Vitest keeps the file names of its command line to itself; without them all files count, which at worst starts a server in vain.
  const { filenamePattern } = project.vitest as unknown as { filenamePattern?: string[] };
  const { testFiles } = await project.globTestFiles(filenamePattern);
  return testFiles.some((file) => file.endsWith('.pg.test.ts'));
}
