import type { LiveFigures } from '../choice/live-figures.ts';
import type { Ground } from '../ground.ts';
import { QUOTA_CHANNEL, loadQuota, toldQuotas, writeQuota } from '../store/quota.ts';
import type { Journal } from './journal.ts';
import { QuotaWriter } from './quota-writer.ts';

interface QuotasParts extends Pick<Ground, 'database' | 'instanceId' | 'log'> {
  readonly live: LiveFigures;
  readonly journal: Pick<Journal, 'tellsOthers'>;
}

/** What is known of quotas, written behind, and what other processes on the database tell of theirs. */
export interface Quotas extends AsyncDisposable {
  readonly channels: Readonly<Record<string, (notice: string) => void>>;
  /** Reads what may have been written while notices were missed. */
  missed(): void;
  /** Begins to write what has changed; to be called once a second. */
  flush(): void;
}

/** Longest that a stop waits for the database to take the last quotas. */
const LAST_QUOTAS_MS = 2_000;

/** Begins with what was written last. */
export async function openQuotas({ database, instanceId, log, live, journal }: QuotasParts): Promise<Quotas> {
  for (const [accountId, record] of await loadQuota(database.pool)) live.restore(live.slotOf(accountId), record);
  const writer = new QuotaWriter({ live, write: (records) => writeQuota(database.pool, records, journal.tellsOthers ? instanceId : null), log });
  const learn = async (accountIds: readonly string[] | null): Promise<void> => {
    for (const [accountId, record] of await loadQuota(database.pool, accountIds)) live.learn(live.slotOf(accountId), record);
  };
  const notRead = (error: unknown): void =>
    log.warn('quota_not_reread', 'What other processes learnt of quotas could not be read; it is learnt from answers', { error });
  return {
    channels: {
      [QUOTA_CHANNEL](notice) {
        const told = toldQuotas(notice, instanceId);
        if (told.length > 0) void learn(told).catch(notRead);
      },
    },
    missed: () => void learn(null).catch(notRead),
    flush: () => writer.flush(),
    [Symbol.asyncDispose]: () => writer.close(LAST_QUOTAS_MS),
  };
}
