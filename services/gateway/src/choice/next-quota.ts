import type { KeyRecord } from '../edge/key-table.ts';
import { chooseAccount, firstInOrder } from './choose-account.ts';
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
  const next = chooseAccount(poolToAsk(pool, live, query).members, live, query).account ?? firstInOrder(pool.members, live, query);
  return next === null ? NOTHING : tellQuota(live.quota, next.slot, nowMs);
}
