import type { AccountRegistry } from './accounts/account-registry.ts';
import type { Bindings } from './bindings/bindings.ts';
import type { Ground } from './ground.ts';
import { serialReload } from './serial-reload.ts';
import type { SerialReload } from './serial-reload.ts';
import { readGeneration } from './store/announce.ts';

interface ReloadParts extends Pick<Ground, 'database' | 'log'> {
  readonly registry: AccountRegistry;
  readonly loadKeys: () => Promise<void>;
  readonly bindings: Pick<Bindings, 'forgetAccount'>;
}

export interface Reload extends SerialReload {
  /** How many changes there had been when they were last read whole; null before. */
  readonly generation: string | null;
}

/** Reads accounts and keys anew, whoever has changed them; what is bound to an account that is gone is forgotten. */
export function openReload({ database, log, registry, loadKeys, bindings }: ReloadParts): Reload {
  let generation: string | null = null;
  const reload = serialReload({
    async load() {
      const began = await readGeneration(database.pool);
      const before = registry.known;
      const results = await Promise.allSettled([loadKeys(), registry.load()]);
      for (const id of before) if (!registry.known.has(id)) bindings.forgetAccount(id);
      for (const result of results) if (result.status === 'rejected') throw result.reason;
      generation = began;
    },
    onFailure: (error, { pauseMs }) =>
      log.error('reload_failed', 'Accounts and keys could not be read anew; it is tried again', { error, backoff_ms: pauseMs }),
  });
  return {
    request: reload.request,
    close: reload.close,
    get generation() {
      return generation;
    },
  };
}
