import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { identityOf, isAlive } from './process-identity.mjs';

const POLL_MS = 100;
const FORGET_DEAD_AFTER_MS = 86_400_000;

/** Errors that say this folder cannot be written at all. */
const READ_ONLY = new Set(['EROFS', 'EACCES', 'EPERM']);

/**
 * Takes the lock that keeps two boots of one clone from installing over each other, waiting for a live owner.
 *
 * The lock is a directory that is made whole beside its place and renamed into it, so that it never exists without its owner's name. A dead
 * owner's lock is renamed away under a name made of that owner's token: of two that try, one succeeds, and a lock taken since cannot be hit.
 *
 * @param {string} folder  Where the lock lives; made if absent.
 * @param {{ onWait?: (holder: import('./process-identity.mjs').ProcessIdentity) => void }} [options]
 * @returns {Promise<(() => void) | null>} the release, or null when the folder cannot be written (then nothing can be installed either)
 */
export async function takeBootLock(folder, { onWait } = {}) {
  const lock = join(folder, 'boot.lock');
  const token = randomBytes(12).toString('hex');
  const mine = join(folder, `boot.new-${token}`);
  try {
    mkdirSync(folder, { recursive: true });
    mkdirSync(mine);
    writeOwner(mine, { token, holders: [identityOf(process.pid)] });
  } catch (error) {
    if (READ_ONLY.has(error.code)) return null;
    throw error;
  }
  let told = false;
  while (!renamedTo(mine, lock)) {
    const owner = readOwner(lock);
    const holder = owner?.holders.find(isAlive);
    if (owner !== null && holder === undefined) {
      renamedTo(lock, join(folder, `boot.dead-${owner.token}`));
      continue;
    }
    if (owner !== null && !told) {
      onWait?.(holder);
      told = true;
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  forgetLongDead(folder);
  return () => {
    const gone = join(folder, `boot.gone-${token}`);
    if (renamedTo(lock, gone)) rmSync(gone, { recursive: true, force: true });
  };
}

/**
 * Lets a child hold the lock that we have taken as well, so that an install which outlives its killed boot is waited for.
 * @param {string} folder
 * @param {number} pid
 */
export function shareBootLock(folder, pid) {
  const lock = join(folder, 'boot.lock');
  const owner = readOwner(lock);
  const holder = identityOf(pid);
  if (owner !== null && holder !== null) writeOwner(lock, { ...owner, holders: [...owner.holders, holder] });
}

function writeOwner(directory, owner) {
  const draft = join(directory, 'owner.draft');
  writeFileSync(draft, JSON.stringify(owner));
  renameSync(draft, join(directory, 'owner.json'));
}

/** Renames a directory; false when the target is taken or the source is gone. */
function renamedTo(from, to) {
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    if (['ENOTEMPTY', 'EEXIST', 'ENOENT', 'EPERM', 'EACCES', 'ENOTDIR'].includes(error.code)) return false;
    throw error;
  }
}

function readOwner(lock) {
  try {
    return JSON.parse(readFileSync(join(lock, 'owner.json'), 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT') return null;
    throw error;
  }
}

// A dead owner's name stays for a day: another boot may still be about to rename the lock it saw under that very name.
function forgetLongDead(folder) {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (!/^boot\.(dead|new|gone)-/.test(name)) continue;
    try {
      if (Date.now() - statSync(path).mtimeMs > FORGET_DEAD_AFTER_MS) rmSync(path, { recursive: true, force: true });
    } catch {
      // another boot removed it first
    }
  }
}
