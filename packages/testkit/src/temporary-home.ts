import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder for one test, gone with all that is in it when disposed. */
export interface TemporaryHome extends AsyncDisposable {
  readonly path: string;
}

/** Makes an empty folder, mode 0700, with a path short enough for a socket in it. */
export async function temporaryHome(parent = tmpdir()): Promise<TemporaryHome> {
  const path = await realpath(await mkdtemp(join(parent, 'swyd-')));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 3 }) };
}
