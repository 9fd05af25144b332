import type { KeyRecord } from '../edge/key-table.ts';
import type { Account, Snapshot } from './account.ts';
import { chooseAccount } from './choose-account.ts';
import { LANE_AT } from './lanes.ts';
import type { LiveFigures } from './live-figures.ts';
import { poolToAsk } from './pool.ts';
import type { Pool } from './pool.ts';
import { tellQuota } from './tell-quota.ts';
import type { ToldQuota } from './tell-quota.ts';

const NOTHING: ToldQuota = { primary: null, secondary: null, isReached: false, planType: null };

/**
 * The quota of the account to which a new conversation of this key would go now; when none can take one, of the account that is back soonest.
 * Changes nothing. @param nowMs  Epoch milliseconds.
 */
export function nextQuota(pool: Pool, live: LiveFigures, key: KeyRecord, nowMs: number): ToldQuota {
  const query = { model: null, lane: LANE_AT.responses, key, tried: [] };
  const { account } = chooseAccount(poolToAsk(pool, live, query).members, live, query);
  const next = account ?? soonest(pool.members, live, key);
  return next === null ? NOTHING : tellQuota(live.quota, next.slot, nowMs);
}

function soonest({ general }: Snapshot, live: LiveFigures, key: KeyRecord): Account | null {
  const backIn = ({ slot }: Account): number => live.backInMs(slot, LANE_AT.responses);
  let first: Account | null = null;
  for (const account of general) {
    if (key.accounts !== null && !key.accounts.has(account.id)) continue;
    if (first === null || backIn(account) < backIn(first)) first = account;
  }
  return first;
}
