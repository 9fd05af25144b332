import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readFileSync, readdirSync, renameSync, rmSync, rmdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { DatabaseRefusal, refusalOfFileFault } from '../database-refusal.ts';
import type { Launcher } from './launcher.ts';
import { refusalOfServerOutput } from './server-output.ts';
import { socketFolderOf } from './socket-folder.ts';

/** The superuser and only role of the embedded server; the socket folder is what guards it. */
export const POSTGRES_USER = 'switchyard';

const DRAFT = 'postgres.new-';

/**
 * Makes the data folder if there is none, and looks whether a present one can be served. Call it only when no server runs.
 * A first start that is cut off leaves a draft, which the next one removes; the folder itself appears whole.
 * @returns whether it was made now.
 */
export async function ensureDataFolder(launcher: Launcher, major: string): Promise<boolean> {
  const folder = join(launcher.root, 'postgres');
  try {
    for (const name of readdirSync(launcher.root))
      if (name.startsWith(DRAFT)) rmSync(join(launcher.root, name), { recursive: true, force: true, maxRetries: 3 });
    if (isServable(folder, launcher, major)) return false;
    const draft = join(launcher.root, DRAFT + randomBytes(6).toString('hex'));
    await initialise(launcher, draft);
    renameSync(draft, folder);
    flush(launcher.root);
    return true;
  } catch (error) {
    throw refusalOfFileFault(error, folder);
  }
}

function isServable(folder: string, launcher: Launcher, major: string): boolean {
  const found = statSync(folder, { throwIfNoEntry: false });
  if (!found) return false;
  if (readdirSync(folder).length === 0) {
    rmdirSync(folder);
    return false;
  }
  const uid = launcher.owner?.uid ?? process.getuid?.();
  if (found.uid !== uid)
    throw new DatabaseRefusal(
      'other_owner',
      `The data folder ${folder} belongs to uid ${found.uid}, but PostgreSQL would run as uid ${uid}. Run Switchyard as the user who made the folder, or change the owner of all that is in it.`,
    );
  const version = versionIn(folder);
  if (version === null)
    throw new DatabaseRefusal(
      'not_a_data_folder',
      `${folder} is not a PostgreSQL data folder: it has no PG_VERSION. Move it away, or restore it whole from a backup.`,
    );
  if (version !== major)
    throw new DatabaseRefusal(
      'other_version',
      `The data folder ${folder} was written by PostgreSQL ${version}; this Switchyard carries PostgreSQL ${major} and leaves it untouched. ` +
        `To keep the data: start the Switchyard that wrote it, save its database with pg_dump (version ${version} or newer) through the socket in ${socketFolderOf(launcher.root)}, ` +
        `move ${folder} away, start this Switchyard once, stop it, and load the dump with psql. Or serve the folder with a PostgreSQL ${version} of your own and set DATABASE_URL.`,
    );
  return true;
}

function versionIn(folder: string): string | null {
  try {
    return readFileSync(join(folder, 'PG_VERSION'), 'utf8').trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** The locale is PostgreSQL's own, so that an upgrade of the system's C library cannot disorder an index. */
async function initialise(launcher: Launcher, folder: string): Promise<void> {
  const locale = ['--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
  const access = ['-U', POSTGRES_USER, '--auth-local=trust', '--auth-host=reject'];
  const words = [...launcher.prefix, join(launcher.bin, 'initdb'), '-D', folder, ...locale, ...access, '--data-checksums', '--no-instructions'];
  const child = spawn(words[0]!, words.slice(1), { env: launcher.env, cwd: '/', stdio: ['ignore', 'ignore', 'pipe'], detached: true, ...launcher.owner });
  let output = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output = (output + text).slice(-4_096)));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code === 0) return;
  rmSync(folder, { recursive: true, force: true });
  throw refusalOfServerOutput('PostgreSQL could not make its data folder', folder, output);
}

function flush(folder: string): void {
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
