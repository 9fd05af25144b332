import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Logger } from '@switchyard/observability';

import { DatabaseRefusal } from '../database-refusal.ts';
import { processesIn } from './process-identity.ts';

/** Each signal, and how long it is given: a clean stop, an unclean one that recovery mends, and the end. Together they leave room for a restart in 3 s. */
const STEPS = [
  { signal: 'SIGINT', toAll: false, waitMs: 1_000 },
  { signal: 'SIGQUIT', toAll: false, waitMs: 500 },
  { signal: 'SIGKILL', toAll: true, waitMs: 5_000 },
] as const;
const POLL_MS = 10;

/**
 * Ends a server that outlived the process which started it, so that the next one starts with its own settings. Call it only while
 * holding the home: then whoever still serves this folder is an orphan. Afterwards the lock file of the folder cannot mislead the server.
 * @throws DatabaseRefusal `orphan_stuck` when a process does not even yield to SIGKILL (a hanging disk).
 */
export async function endOrphan(dataFolder: string, log: Logger): Promise<void> {
  const postmaster = postmasterPid(dataFolder);
  let left = processesIn(dataFolder, postmaster);
  if (left.length === 0) return clearLockFile(dataFolder, postmaster);
  log.warn('database_orphan_found', 'a PostgreSQL server left by an earlier process is being stopped', { pid: postmaster ?? left[0], directory: dataFolder });
  for (const { signal, toAll, waitMs } of STEPS) {
    for (const pid of left) if (toAll || pid === postmaster) send(pid, signal);
    for (const deadline = performance.now() + waitMs; left.length > 0 && performance.now() < deadline;) {
      await sleep(POLL_MS);
      left = processesIn(dataFolder, postmaster);
    }
    if (left.length === 0) return clearLockFile(dataFolder, postmaster);
  }
  throw new DatabaseRefusal(
    'orphan_stuck',
    `An earlier PostgreSQL server (pid ${left.join(', ')}) still works on ${dataFolder} and does not end. Look at the disk, end the process, then start again.`,
  );
}

/** The pid in the folder's lock file; it may be of a dead process, or of another program's by now. */
function postmasterPid(dataFolder: string): number | null {
  try {
    const pid = Number(readFileSync(join(dataFolder, 'postmaster.pid'), 'utf8').split('\n', 1)[0]);
    return Number.isInteger(pid) && pid > 0 ? pid : null;
  } catch {
    return null;
  }
}

/**
 * PostgreSQL refuses to start while the pid in its lock file is taken, be it by a zombie that nobody buries or by another program.
 * A free pid it judges better itself: it then looks for shared memory still in use.
 */
function clearLockFile(dataFolder: string, postmaster: number | null): void {
  if (postmaster !== null && isTaken(postmaster)) rmSync(join(dataFolder, 'postmaster.pid'), { force: true });
}

function isTaken(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Gone meanwhile.
  }
}
