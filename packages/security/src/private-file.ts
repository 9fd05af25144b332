import { randomBytes } from 'node:crypto';
import { closeSync, fstatSync, fsyncSync, linkSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { SecurityRefusal } from './security-refusal.ts';

/**
 * Reads a small secret file, or makes it with `make()` when it is absent. Of two processes that make it at once one wins and
 * both return the winner's text; a crash leaves either no file or a whole one, on disk.
 * @returns the text without the final line feed, and whether this call made the file
 * @throws SecurityRefusal naming the path and the remedy when others may read it or it cannot be used
 */
export function readOrMakeSecretFile(path: string, make: () => string): { text: string; made: boolean } {
  const existing = readSecretFile(path);
  if (existing !== null) return { text: existing, made: false };
  const text = make();
  const draft = join(dirname(path), `.${randomBytes(8).toString('hex')}.tmp`);
  try {
    writeDurably(draft, `${text}\n`);
    linkSync(draft, path); // unlike rename, never replaces what another process made in the meantime
    syncDirectory(dirname(path));
    return { text, made: true };
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw new SecurityRefusal(`${path} could not be made; check the folder's owner and free space`, { cause: error });
    const winner = readSecretFile(path);
    if (winner === null) throw new SecurityRefusal(`${path} vanished while it was read; start again`, { cause: error });
    return { text: winner, made: false };
  } finally {
    rmSync(draft, { force: true });
  }
}

function writeDurably(path: string, text: string): void {
  const fd = openSync(path, 'wx', 0o600);
  try {
    writeFileSync(fd, text);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** The text of a secret file, or null when there is none; refuses one that others may read. */
function readSecretFile(path: string): string | null {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return null;
    throw new SecurityRefusal(`${path} cannot be read; make it readable for the user that runs Switchyard`, { cause: error });
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw new SecurityRefusal(`${path} is not a file; move it away`);
    if (process.platform !== 'win32' && (stat.mode & 0o077) !== 0) {
      throw new SecurityRefusal(
        `${path} is open to other users (mode ${(stat.mode & 0o777).toString(8)}); treat what is in it as known, or close it with: chmod 600 ${path}`,
      );
    }
    return readFileSync(fd, 'utf8').replace(/\r?\n$/, '');
  } finally {
    closeSync(fd);
  }
}

/** Makes a new or renamed entry of a folder survive a power cut. */
function syncDirectory(path: string): void {
  if (process.platform === 'win32') return; // folders cannot be opened there
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
