import { setTimeout as sleep } from 'node:timers/promises';

import type { Logger } from '@switchyard/observability';

import { HomeInUse, lockHome } from './home-lock.ts';
import type { HomeLock } from './home-lock.ts';

/** A command is done with a home within a few seconds, or asks an upstream for its models, which takes 10 s at most. */
const WAIT_MS = 10_000;
const PAUSE_MS = 50;

/**
 * Takes the home for a server. A command that has it at the moment is waited for, and that is said once; another server is not.
 * @throws DatabaseRefusal `home_in_use` naming the holder
 */
export async function awaitHome(home: string, log: Logger, waitMs = WAIT_MS): Promise<HomeLock> {
  const deadline = performance.now() + waitMs;
  for (let isFirst = true; ; isFirst = false) {
    try {
      return lockHome(home, 'server');
    } catch (error) {
      if (!(error instanceof HomeInUse) || error.use !== 'command' || performance.now() > deadline) throw error;
      if (isFirst) log.info('home_awaited', 'A switchyard command has the home at the moment; the start waits for it to end', { pid: error.pid });
      await sleep(PAUSE_MS);
    }
  }
}
