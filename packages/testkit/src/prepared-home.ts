import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { inject } from 'vitest';

import type {} from './global-setup.ts';
import { temporaryHome } from './temporary-home.ts';
import type { TemporaryHome } from './temporary-home.ts';

/**
 * A home that has nothing but what PostgreSQL itself leaves at a first start, copied: the server that starts in it is as new as in an empty
 * folder, and there more than a second sooner. For files named `*.child.test.ts`; whatever tests a first start takes an empty home.
 */
export async function preparedHome(): Promise<TemporaryHome> {
  const home = await temporaryHome();
  const folder = inject('dataFolder');
  if (folder) await promisify(execFile)('cp', ['-a', folder, home.path]);
  return home;
}
