import type { Quota } from '../operations/operations.ts';
import type { Emphasis } from './emphasis.ts';
import { table } from './table.ts';
import { duration, moment, visible } from './words.ts';

const SOURCES: Readonly<Record<string, string>> = { header: 'an answer', event: 'a stream', stored: 'before the start' };

/** What is left of the quota of every account, for a person. @param nowMs  Epoch milliseconds. */
export function quotaTable(quotas: readonly Quota[], nowMs: number, emphasise?: Emphasis): string {
  if (quotas.length === 0) return 'There are no accounts yet. Add one: switchyard accounts add --help\n';
  const limited = quotas.flatMap(({ account, limited_models: models }) =>
    models.map(({ model, until }) => `${visible(account)} refuses ${visible(model)} until ${moment(until)}, and serves its other models.\n`),
  );
  const rows = table(
    [{ title: 'ACCOUNT' }, { title: 'QUOTA' }, { title: 'SHORT WINDOW' }, { title: 'WEEK' }, { title: 'REFUSES UNTIL' }, { title: 'HEARD' }],
    quotas.map((quota) => [
      quota.account,
      quota.blocked_until !== null ? 'blocked' : quota.source === null ? 'no limit known' : quota.band,
      windowText(quota.short, nowMs),
      windowText(quota.weekly, nowMs),
      quota.blocked_until === null ? '-' : moment(quota.blocked_until),
      quota.seen_at === null ? '-' : `${duration(Math.max(0, nowMs - Date.parse(quota.seen_at)))} ago from ${SOURCES[quota.source!] ?? quota.source}`,
    ]),
    emphasise,
  );
  return rows + limited.join('');
}

function windowText(window: Quota['short'], nowMs: number): string {
  if (window === null) return '-';
  const left = `${Math.round(window.left_percent)} % left`;
  const resetMs = Date.parse(window.resets_at) - nowMs;
  return resetMs <= 0 ? left : `${left}, full in ${duration(resetMs)}`;
}
