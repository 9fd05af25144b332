import { setTimeout as sleep } from 'node:timers/promises';

import type { Logger } from '@switchyard/observability';

/** What is known of a database's being there, learnt from those who use it. */
export interface Availability {
  isAvailable(): boolean;
  /** Calls back at each change, with the new state. @returns a function that ends it. */
  onChange(listener: (available: boolean) => void): () => void;
  /** Tells of a sign that it may be gone: it is asked at once, and again until it answers. */
  suspect(): void;
  /** Tells that it has just answered. */
  seen(): void;
  close(): void;
}

const BACKOFF_MS = { first: 100, most: 2_000 };

/**
 * Judges by a question of its own, so that one broken connection is not taken for a dead server. It asks only after a sign of trouble,
 * and while the server is away; its waits keep no process alive.
 * @param ask  One short question; rejects when the database does not answer.
 */
export function watchAvailability(ask: () => Promise<void>, log: Logger): Availability {
  let available = true;
  let asking = false;
  const closed = new AbortController();
  const listeners = new Set<(available: boolean) => void>();

  const become = (state: boolean, error?: unknown): void => {
    if (available === state || closed.signal.aborted) return;
    available = state;
    if (state) log.info('database_back', 'the database answers again');
    else log.error('database_away', 'the database does not answer; going on from memory', { error });
    for (const listener of listeners) listener(state);
  };

  const askUntilAnswered = async (): Promise<void> => {
    for (let waitMs = BACKOFF_MS.first; !closed.signal.aborted; waitMs = Math.min(waitMs * 2, BACKOFF_MS.most)) {
      try {
        await ask();
        return become(true);
      } catch (error) {
        become(false, error);
      }
      await sleep(waitMs, undefined, { signal: closed.signal, ref: false }).catch(() => {});
    }
  };

  return {
    isAvailable: () => available,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    suspect() {
      if (asking || closed.signal.aborted) return;
      asking = true;
      void askUntilAnswered().finally(() => (asking = false));
    },
    seen: () => become(true),
    close: () => closed.abort(),
  };
}
