import type { Snapshot } from '../choice/account.ts';
import { forecast } from '../choice/forecast.ts';
import type { AccountForecast, Forecast, WindowForecast } from '../choice/forecast.ts';
import type { LiveFigures } from '../choice/live-figures.ts';
import type { AccountTable } from '../choice/pool.ts';
import { leftOf } from '../choice/quota-windows.ts';

export interface PoolForecast {
  readonly pool: string;
  readonly outlook: Forecast['outlook'];
  /** When its own accounts have no quota left for new work; null when that is not foreseen, or so already. */
  readonly dry_at: string | null;
  /** When the first of them has some again; null when it does not run dry. */
  readonly back_at: string | null;
}

/** The forecast of every pool, that of keys without one first unless it is declared. @param nowMs  Epoch milliseconds. */
export function forecastPools({ pools, pool }: AccountTable, live: LiveFigures, nowMs: number): PoolForecast[] {
  const all = pools.has(pool.name) ? [...pools.values()] : [pool, ...pools.values()];
  return all.map(({ name, members }) => {
    const found = forecast(accountsOf(members, live, nowMs), nowMs);
    return {
      pool: name,
      outlook: found.outlook,
      dry_at: found.outlook === 'runs_dry' ? new Date(found.dryAtMs).toISOString() : null,
      back_at: found.outlook === 'runs_dry' || found.outlook === 'dry' ? new Date(found.backAtMs).toISOString() : null,
    };
  });
}

function accountsOf(members: Snapshot, live: LiveFigures, nowMs: number): AccountForecast[] {
  const { quota } = live;
  const order = live.orderOf(members);
  return members.general.map(({ slot }) => {
    const held = quota.held(slot);
    const reserve = order.reserve(slot);
    const windowOf = (which: 'short' | 'weekly'): WindowForecast | null => {
      const window = held?.[which] ?? null;
      const left = leftOf(window, nowMs);
      if (window === null || left === null) return null;
      return { left: Math.max(0, left - reserve), full: 100 - reserve, resetAtMs: window.resetAtMs, pace: quota.pace(slot, which, nowMs) };
    };
    return { short: windowOf('short'), weekly: windowOf('weekly'), blockedUntilMs: quota.blockedUntilMs(slot, nowMs), seenAtMs: held?.atMs ?? 0 };
  });
}
