import type { AccountRegistry } from './accounts/account-registry.ts';
import type { Bindings } from './bindings/bindings.ts';
import type { Ground } from './ground.ts';
import { serialReload } from './serial-reload.ts';
import { readGeneration } from './store/announce.ts';

interface ReloadParts extends Pick<Ground, 'database' | 'log'> {
  readonly registry: AccountRegistry;
  readonly loadKeys: () => Promise<void>;
  readonly bindings: Pick<Bindings, 'forgetAccount'>;
  /** The accounts may be others now. */
  readonly onLoaded: () => void;
}

/** Reads accounts and keys anew, whoever has changed them, one reading at a time. */
export interface Reload {
  /**
   * Asks for a reading that begins after this call.
   * @param accountId  The one account that has changed, when it is only that.
   * @returns settles with that reading; a failure is repeated until one succeeds, but whoever asked is told of the first
   */
  request(accountId?: string): Promise<void>;
  /** How many changes there had been when all were last looked at; null before. */
  readonly generation: string | null;
  close(): Promise<void>;
}

/** What is bound to an account that is gone is forgotten with it. */
export function openReload({ database, log, registry, loadKeys, bindings, onLoaded }: ReloadParts): Reload {
  // What the next reading is to look at: these accounts, or (null) all of them and the keys.
  let wanted: Set<string> | null = new Set();
  let generation: string | null = null;
  const wantAll = (error: unknown): never => {
    wanted = null;
    throw error;
  };
  const serial = serialReload({
    async load() {
      const ids: readonly string[] | null = wanted === null ? null : [...wanted];
      wanted = new Set();
      const began = ids === null ? await readGeneration(database.pool).catch(wantAll) : generation;
      const before = registry.known;
      const results = await Promise.allSettled([ids === null ? loadKeys() : undefined, registry.load(ids)]);
      const { known } = registry;
      if (known !== before) for (const id of before) if (!known.has(id)) bindings.forgetAccount(id);
      onLoaded();
      for (const result of results) if (result.status === 'rejected') wantAll(result.reason);
      generation = began;
    },
    onFailure: (error, { pauseMs }) =>
      log.error('reload_failed', 'Accounts and keys could not be read anew; it is tried again', { error, backoff_ms: pauseMs }),
  });
  return {
    request(accountId) {
      if (accountId === undefined) wanted = null;
      else wanted?.add(accountId);
      return serial.request();
    },
    get generation() {
      return generation;
    },
    close: serial.close,
  };
}
