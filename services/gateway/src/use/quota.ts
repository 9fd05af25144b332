import type { Kysely } from 'kysely';
import type { Pool } from 'pg';
import type { Account } from '../choice/account.ts';
import { windowBand } from '../choice/bands.ts';
import type { Band } from '../choice/bands.ts';
import { LANE_AT, familyOf } from '../choice/lanes.ts';
import { QuotaWindows, leftOf } from '../choice/quota-windows.ts';
import type { QuotaWindow } from '../choice/quota-windows.ts';
import { listAccounts } from '../store/accounts.ts';
import { loadQuota } from '../store/quota.ts';
import type { DB } from '../store/schema.gen.ts';

export interface WindowView {
  readonly used_percent: number;
  readonly left_percent: number;
  readonly band: Band;
  readonly window_seconds: number | null;
  readonly resets_at: string;
}

/** What is known of the quota of an account. One that has no quota, or never told of it, is `ready` and has no windows. */
export interface QuotaView {
  readonly account_id: string;
  readonly account: string;
  /** For responses and WebSocket. */
  readonly band: Band;
  readonly short: WindowView | null;
  readonly weekly: WindowView | null;
  readonly plan_type: string | null;
  /** Where the reading is from; null without one. `stored` is of an earlier start. */
  readonly source: string | null;
  readonly seen_at: string | null;
  /** Until then it is not asked for anything new, because it refused. */
  readonly blocked_until: string | null;
  /** Models that it refused for a limit of theirs alone, and until when it is not asked for them. */
  readonly limited_models: readonly { readonly model: string; readonly until: string }[];
}

/** The quota of one account as it is now. @param wallClockMs  Epoch milliseconds. */
export function quotaView(
  { id, name }: { readonly id: string; readonly name: string },
  quota: QuotaWindows,
  slot: number,
  wallClockMs: number,
  limited: QuotaView['limited_models'] = [],
): QuotaView {
  const held = quota.held(slot);
  const blockedUntilMs = quota.blockedUntilMs(slot, wallClockMs);
  return {
    account_id: id,
    account: name,
    band: quota.band(slot, familyOf(LANE_AT.responses), wallClockMs),
    short: windowView(held?.short ?? null, wallClockMs),
    weekly: windowView(held?.weekly ?? null, wallClockMs),
    plan_type: held?.planType ?? null,
    source: held?.source ?? null,
    seen_at: held === null ? null : new Date(held.atMs).toISOString(),
    blocked_until: blockedUntilMs === 0 ? null : new Date(blockedUntilMs).toISOString(),
    limited_models: limited,
  };
}

/** The models that an account has no quota for, with times as people read them. @param aheadMs  How far the wall clock is ahead of the monotonic one. */
export function limitedModels({ limited }: Pick<Account, 'limited'>, aheadMs: number): QuotaView['limited_models'] {
  return Array.from(limited ?? [], ([model, untilMs]) => ({ model, until: new Date(untilMs + aheadMs).toISOString() }));
}

/** The quota of every account as it was last written, for a server that does not run. */
export async function showStoredQuota({
  db,
  pool,
  wallClockMs,
}: {
  readonly db: Kysely<DB>;
  readonly pool: Pool;
  readonly wallClockMs: () => number;
}): Promise<QuotaView[]> {
  const stored = await loadQuota(pool);
  const quota = new QuotaWindows();
  return (await listAccounts(db)).map((account, slot) => {
    const record = stored.get(account.id);
    if (record !== undefined) quota.restore(slot, record, wallClockMs());
    return quotaView(account, quota, slot, wallClockMs());
  });
}

function windowView(window: QuotaWindow | null, nowMs: number): WindowView | null {
  const left = leftOf(window, nowMs);
  if (window === null || left === null) return null;
  return {
    used_percent: 100 - left,
    left_percent: left,
    band: windowBand(left),
    window_seconds: window.windowS,
    resets_at: new Date(window.resetAtMs).toISOString(),
  };
}
