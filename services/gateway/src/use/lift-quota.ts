import { SwitchyardError } from '@switchyard/contracts';
import type { Logger } from '@switchyard/observability';
import type { Kysely } from 'kysely';
import type { Pool } from 'pg';
import type { AccountRegistry } from '../accounts/account-registry.ts';
import type { LiveFigures } from '../choice/live-figures.ts';
import { QuotaWindows } from '../choice/quota-windows.ts';
import { findAccount } from '../store/accounts.ts';
import { loadQuota, writeQuota } from '../store/quota.ts';
import type { DB } from '../store/schema.gen.ts';
import { quotaView } from './quota.ts';
import type { QuotaView } from './quota.ts';

interface LiftParts {
  readonly registry: Pick<AccountRegistry, 'snapshot' | 'liftLimits'>;
  readonly live: LiveFigures;
  readonly wallClockMs: () => number;
  readonly log: Logger;
}

/**
 * Ends what an account is not asked for because of its quota, for an operator knows better: its block, windows that are used up, and the
 * limits of its models. Other processes hear of it with the next quotas that are written, within about a second; of limits of models each
 * process knows its own only.
 * @throws SwitchyardError `not_found` also for an account that this server cannot use
 */
export function liftQuota({ registry, live, wallClockMs, log }: LiftParts, idOrName: string): QuotaView {
  const account = registry.snapshot.accounts.find(({ id, name }) => id === idOrName || name === idOrName);
  if (account === undefined) throw new SwitchyardError('not_found', `There is no account "${idOrName}" that this server can use.`);
  live.lift(account.slot);
  registry.liftLimits(account.id);
  log.info('quota_lifted', 'An operator has ended what an account was not asked for because of its quota', { account: account.name, account_id: account.id });
  return quotaView(account, live.quota, account.slot, wallClockMs());
}

/** The same where no server runs, so that the next one to start asks the account again. @throws SwitchyardError `not_found` */
export async function liftStoredQuota(
  { db, pool, wallClockMs }: { readonly db: Kysely<DB>; readonly pool: Pool; readonly wallClockMs: () => number },
  idOrName: string,
): Promise<QuotaView> {
  const account = await findAccount(db, idOrName);
  if (account === undefined) throw new SwitchyardError('not_found', `There is no account "${idOrName}".`);
  const record = (await loadQuota(pool, [account.id])).get(account.id);
  const quota = new QuotaWindows();
  if (record !== undefined) quota.restore(0, record, wallClockMs());
  if (quota.lift(0, wallClockMs())) await writeQuota(pool, new Map([[account.id, quota.takeChanges().get(0)!]]));
  return quotaView(account, quota, 0, wallClockMs());
}
