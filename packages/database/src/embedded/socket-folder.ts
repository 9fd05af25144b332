import { createHash } from 'node:crypto';
import { chmodSync, chownSync, lstatSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { DatabaseRefusal, refusalOfFileFault } from '../database-refusal.ts';

/** The kernel takes 107 bytes (103 on macOS); the rest is room for whoever adds a suffix. */
export const MAX_SOCKET_PATH_BYTES = 90;
const SOCKET = '.s.PGSQL.5432';

/** Where the socket lives: in the home, or under /tmp when the home's path is too long for a socket. */
export function socketFolderOf(root: string): string {
  const inside = join(root, 'socket');
  if (Buffer.byteLength(join(inside, SOCKET)) <= MAX_SOCKET_PATH_BYTES) return inside;
  return join('/tmp', `switchyard-${createHash('sha256').update(root).digest('hex').slice(0, 16)}`);
}

/**
 * Makes the folder, mode 0700, and clears what a dead server left in it. Call it only when no server runs.
 * @param owner  Who the server runs as, when that is not us.
 * @throws DatabaseRefusal `socket_folder` when the place is taken by something that is not ours.
 */
export function prepareSocketFolder(folder: string, owner: { uid: number; gid: number } | null): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const found = lstatSync(folder);
    const allowed = [process.getuid?.() ?? 0, owner?.uid];
    // /tmp is everybody's: a folder put there by someone else would let them stand between us and the server.
    if (!found.isDirectory() || !allowed.includes(found.uid))
      throw new DatabaseRefusal(
        'socket_folder',
        `${folder} must be a folder of our own for the database's socket, but it belongs to uid ${found.uid}. Remove it, or set SWITCHYARD_HOME to a path shorter than 60 characters.`,
      );
    chmodSync(folder, 0o700);
    if (owner) chownSync(folder, owner.uid, owner.gid);
    rmSync(join(folder, SOCKET), { force: true });
    rmSync(join(folder, `${SOCKET}.lock`), { force: true });
  } catch (error) {
    throw refusalOfFileFault(error, folder);
  }
}
