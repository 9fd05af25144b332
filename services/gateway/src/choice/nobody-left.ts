import { SwitchyardError } from '@switchyard/contracts';
import { candidatesOf, chooseAccount } from './choose-account.ts';
import type { Query } from './choose-account.ts';
import type { LiveFigures } from './live-figures.ts';
import type { Pool } from './pool.ts';
import { quotaHeaders, tellQuota } from './tell-quota.ts';

/** Why a request could not be sent to any account, as the fault that its client gets. @param wallClockMs  Epoch milliseconds. */
export function nobodyLeft(pool: Pool, live: LiveFigures, query: Query, wallClockMs: number): SwitchyardError {
  const { model, lane, key } = query;
  let isFull = false;
  let isOut = false;
  let soonestMs = Infinity;
  let first = -1;
  for (const { members } of [pool, ...(pool.fallback ?? [])]) {
    const { skipped = {} } = chooseAccount(members, live, query);
    isFull ||= (skipped.hard_full ?? 0) > 0;
    if ((skipped.quota_blocked ?? 0) + (skipped.exhausted ?? 0) + (skipped.reserve ?? 0) === 0) continue;
    isOut = true;
    const order = live.orderOf(members);
    for (const { id, slot } of candidatesOf(members, model)) {
      const backInMs = key.accounts === null || key.accounts.has(id) ? live.backInMs(slot, lane, order.tier(slot, lane)) : 0;
      if (backInMs <= 0 || backInMs >= soonestMs) continue;
      soonestMs = backInMs;
      first = slot;
    }
  }
  if (isFull) return new SwitchyardError('server_is_overloaded', 'Every account that could serve this has as many requests as it may have.');
  if (isOut)
    return new SwitchyardError(
      'quota_exhausted',
      'Every account that could serve this has used up its quota.',
      first === -1
        ? {}
        : {
            retryAfterMs: soonestMs,
            resetsAtS: Math.ceil((wallClockMs + soonestMs) / 1_000),
            headers: quotaHeaders(tellQuota(live.quota, first, wallClockMs)),
          },
    );
  if (model === null) return new SwitchyardError('no_account_available', 'No account can serve this request.');
  return new SwitchyardError('model_not_found', `No account of this key serves the model \`${model}\`.`, { param: 'model' });
}
