import type { AccountRegistry } from './accounts/account-registry.ts';
import type { Bindings } from './bindings/bindings.ts';
import type { Ground } from './ground.ts';
import { serialReload } from './serial-reload.ts';
import type { SerialReload } from './serial-reload.ts';

interface ReloadParts extends Pick<Ground, 'log'> {
  readonly registry: AccountRegistry;
  readonly loadKeys: () => Promise<void>;
  readonly bindings: Pick<Bindings, 'forgetAccount'>;
}

/** Reads accounts and keys anew, whoever has changed them; what is bound to an account that is gone is forgotten. */
export function openReload({ log, registry, loadKeys, bindings }: ReloadParts): SerialReload {
  return serialReload({
    async load() {
      const before = registry.known;
      const results = await Promise.allSettled([loadKeys(), registry.load()]);
      for (const id of before) if (!registry.known.has(id)) bindings.forgetAccount(id);
      for (const result of results) if (result.status === 'rejected') throw result.reason;
    },
    onFailure: (error, { pauseMs }) =>
      log.error('reload_failed', 'Accounts and keys could not be read anew; it is tried again', { error, backoff_ms: pauseMs }),
  });
}
