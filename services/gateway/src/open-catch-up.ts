import type { Ground } from './ground.ts';
import type { Reload } from './open-reload.ts';
import { readGeneration } from './store/announce.ts';

interface CatchUpParts extends Pick<Ground, 'database' | 'timing' | 'nowMs' | 'log'> {
  readonly reload: Pick<Reload, 'generation' | 'request'>;
}

/** Looks whether others have changed accounts or keys, and reads them anew if so. @returns whether they were; false at once when it is not time to look */
export type CatchUp = () => Promise<boolean> | false;

/** So often it is looked at most, however many requests are refused. */
const EVERY_MS = 1_000;
/** So long a refusal waits for it at most. */
const WAIT_MS = 1_000;

/**
 * For requests that are about to be refused for want of an account: notices of changes can be late or missed, and a refusal must not be founded
 * on accounts that another process has changed. Those who ask while one is looking share what it finds.
 * @see faults C08
 */
export function openCatchUp({ database, timing, nowMs, log, reload }: CatchUpParts): CatchUp {
  let looking: Promise<boolean> | null = null;
  let lookedMs = -Infinity;
  const look = async (): Promise<boolean> => {
    try {
      if ((await readGeneration(database.pool)) === reload.generation) return false;
      await reload.request();
      return true;
    } catch (error) {
      log.debug('catch_up_failed', 'It could not be seen whether accounts have changed; what is known of them stays in force', { error });
      return false;
    } finally {
      looking = null;
    }
  };
  const inTime = (looked: Promise<boolean>): Promise<boolean> =>
    new Promise((resolve) => {
      const cancel = timing.after(WAIT_MS, () => resolve(false));
      void looked.then((found) => {
        cancel();
        resolve(found);
      });
    });
  return () => {
    if (looking !== null) return looking;
    if (nowMs() - lookedMs < EVERY_MS || !database.isAvailable()) return false;
    lookedMs = nowMs();
    looking = inTime(look());
    return looking;
  };
}
