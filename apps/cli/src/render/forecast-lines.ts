import type { PoolForecast } from '../operations/operations.ts';
import type { Emphasis } from './emphasis.ts';
import { table } from './table.ts';
import { duration } from './words.ts';

/** When each pool has no quota left, for a person; nothing without pools. @param nowMs  Epoch milliseconds. */
export function forecastLines(pools: readonly PoolForecast[], nowMs: number, emphasise?: Emphasis): string {
  if (pools.length === 0) return '';
  return `\n${table(
    [{ title: 'POOL' }, { title: 'AT THE PRESENT PACE' }],
    pools.map((each) => [each.pool, outlookText(each, nowMs)]),
    emphasise,
  )}`;
}

function outlookText({ outlook, dry_at, back_at }: PoolForecast, nowMs: number): string {
  const within = (at: string | null): string => (at === null ? 'an unknown time' : duration(Math.max(0, Date.parse(at) - nowMs)));
  if (outlook === 'unknown') return 'no forecast: too little was heard of its quota';
  if (outlook === 'lasts') return 'lasts until each account is full again';
  return outlook === 'dry' ? `dry now, back in ${within(back_at)}` : `dry in ${within(dry_at)}, back in ${within(back_at)}`;
}
