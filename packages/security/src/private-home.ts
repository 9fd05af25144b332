import { chmodSync, mkdirSync, statSync } from 'node:fs';
import type { Stats } from 'node:fs';

import { SecurityRefusal } from './security-refusal.ts';

/**
 * Makes `$SWITCHYARD_HOME` if it is absent (0700) and closes it to other users if it is theirs to read. A folder that others may
 * write is refused, not repaired: what lies in it may already be theirs.
 * @returns whether the mode had to be repaired
 * @throws SecurityRefusal naming the folder and the remedy
 */
export function ensurePrivateHome(home: string): { repaired: boolean } {
  let stat: Stats;
  try {
    mkdirSync(home, { recursive: true, mode: 0o700 });
    stat = statSync(home);
  } catch (error) {
    throw new SecurityRefusal(`the folder ${home} cannot be used as SWITCHYARD_HOME; choose a folder that this user may write`, { cause: error });
  }
  if (!stat.isDirectory()) throw new SecurityRefusal(`SWITCHYARD_HOME ${home} is not a folder; choose another`);
  const uid = process.getuid?.();
  if (uid === undefined) return { repaired: false }; // Windows: access lists, not modes
  if (uid !== 0 && stat.uid !== uid)
    throw new SecurityRefusal(`SWITCHYARD_HOME ${home} belongs to another user (uid ${stat.uid}); choose a folder of your own`);
  const mode = stat.mode & 0o777;
  if ((mode & 0o022) !== 0) {
    throw new SecurityRefusal(
      `other users may write SWITCHYARD_HOME ${home} (mode ${mode.toString(8)}); look at what is in it, then close it with: chmod 700 ${home}`,
    );
  }
  if (mode === 0o700) return { repaired: false };
  chmodSync(home, 0o700);
  return { repaired: true };
}
