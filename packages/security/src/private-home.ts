import { accessSync, chmodSync, constants, existsSync, mkdirSync, statSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { dirname, join } from 'node:path';

import { SecurityRefusal } from './security-refusal.ts';

/**
 * Makes `$SWITCHYARD_HOME` if it is absent (0700) and closes it to other users if it is theirs to read. A folder that others may
 * write is refused, not repaired: what lies in it may already be theirs.
 * @returns whether the mode had to be repaired
 * @throws SecurityRefusal naming the folder and the remedy
 */
export function ensurePrivateHome(home: string): { repaired: boolean } {
  try {
    makeFolder(home);
  } catch (error) {
    throw unusable(home, error);
  }
  const mode = checkPrivateHome(home);
  if (mode === null) return { repaired: false };
  const repaired = mode !== 0o700;
  try {
    if (repaired) chmodSync(home, 0o700);
    accessSync(home, constants.W_OK | constants.X_OK);
    // There are folders that every right is given on, and that take nothing, as /proc to root; this one is needed in any case.
    makeFolder(join(home, 'run'));
  } catch (error) {
    throw unusable(home, error);
  }
  return { repaired };
}

/**
 * Looks whether a home is the user's own and nobody else's to write, and changes nothing.
 * @returns its mode; null on Windows, which has access lists instead
 * @throws SecurityRefusal naming the folder and the remedy
 */
export function checkPrivateHome(home: string): number | null {
  let stat: Stats;
  try {
    stat = statSync(home);
  } catch (error) {
    throw unusable(home, error);
  }
  if (!stat.isDirectory()) throw new SecurityRefusal(`SWITCHYARD_HOME ${home} is not a folder; choose another`);
  const uid = process.getuid?.();
  if (uid === undefined) return null;
  if (uid !== 0 && stat.uid !== uid)
    throw new SecurityRefusal(`SWITCHYARD_HOME ${home} belongs to another user (uid ${stat.uid}); choose a folder of your own`);
  const mode = stat.mode & 0o777;
  if ((mode & 0o022) !== 0) {
    throw new SecurityRefusal(
      `other users may write SWITCHYARD_HOME ${home} (mode ${mode.toString(8)}); look at what is in it, then close it with: chmod 700 ${home}`,
    );
  }
  return mode;
}

/** As `mkdir -p`, folder by folder: Node's own never returns where the system says of a new folder that it does not exist, as below /proc. */
function makeFolder(path: string): void {
  if (existsSync(path)) return;
  makeFolder(dirname(path));
  try {
    mkdirSync(path, 0o700);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error; // another process was first
  }
}

function unusable(home: string, error: unknown): SecurityRefusal {
  const code = (error as NodeJS.ErrnoException).code ?? 'no reason given';
  return new SecurityRefusal(`The folder ${home} cannot be made or written (${code}). Set SWITCHYARD_HOME to a folder that this user may write.`, {
    cause: error,
  });
}
