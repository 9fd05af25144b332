import { SwitchyardError } from '@switchyard/contracts';
import { chooseAccount, firstInOrder } from './choose-account.ts';
import type { Query } from './choose-account.ts';
import type { LiveFigures } from './live-figures.ts';
import type { Pool } from './pool.ts';
import { OUT_OF_QUOTA } from './standing.ts';
import { quotaHeaders, tellQuota } from './tell-quota.ts';

/** Why a request could not be sent to any account, as the fault that its client gets. @param wallClockMs  Epoch milliseconds. */
export function nobodyLeft(pool: Pool, live: LiveFigures, query: Query, wallClockMs: number): SwitchyardError {
  const { model, lane } = query;
  let isFull = false;
  let isOut = false;
  let backAtMs = Infinity;
  let first = -1;
  for (const { members } of [pool, ...(pool.fallback ?? [])]) {
    const { skipped = {} } = chooseAccount(members, live, query);
    isFull ||= (skipped.hard_full ?? 0) > 0;
    if ((skipped.quota_blocked ?? 0) + (skipped.exhausted ?? 0) + (skipped.reserve ?? 0) === 0) continue;
    isOut = true;
    const soonest = firstInOrder(members, live, query);
    if (soonest === null || live.orderOf(members).tier(soonest.slot, lane) !== OUT_OF_QUOTA) continue;
    const soonestMs = live.quotaBackAtMs(soonest.slot);
    if (soonestMs === 0 || soonestMs >= backAtMs) continue;
    backAtMs = soonestMs;
    first = soonest.slot;
  }
  if (isFull) return new SwitchyardError('server_is_overloaded', 'Every account that could serve this has as many requests as it may have.');
  if (isOut)
    return new SwitchyardError(
      'quota_exhausted',
      'Every account that could serve this has used up its quota.',
      first === -1
        ? {}
        : {
            // One whose time has just come is chosen a moment later, when its figures have been worked out anew.
            retryAfterMs: Math.max(1, Math.ceil(backAtMs - wallClockMs)),
            resetsAtS: Math.ceil(backAtMs / 1_000),
            headers: quotaHeaders(tellQuota(live.quota, first, wallClockMs)),
          },
    );
  if (model === null) return new SwitchyardError('no_account_available', 'No account can serve this request.');
  return new SwitchyardError('model_not_found', `No account of this key serves the model \`${model}\`.`, { param: 'model' });
}
