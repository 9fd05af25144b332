import { SwitchyardError } from '@switchyard/contracts';
import type { Snapshot } from './account.ts';
import { candidatesOf, chooseAccount } from './choose-account.ts';
import type { Query } from './choose-account.ts';
import type { LiveFigures } from './live-figures.ts';
import { quotaHeaders, tellQuota } from './tell-quota.ts';

/** Why a request could not be sent to any account, as the fault that its client gets. @param wallClockMs  Epoch milliseconds. */
export function nobodyLeft(snapshot: Snapshot, live: LiveFigures, query: Query, wallClockMs: number): SwitchyardError {
  const { model, lane, key } = query;
  const { skipped = {} } = chooseAccount(snapshot, live, query);
  if ((skipped.hard_full ?? 0) > 0)
    return new SwitchyardError('server_is_overloaded', 'Every account that could serve this has as many requests as it may have.');
  if ((skipped.quota_blocked ?? 0) + (skipped.exhausted ?? 0) + (skipped.reserve ?? 0) > 0) {
    let soonestMs = Infinity;
    let first = -1;
    for (const { id, slot } of candidatesOf(snapshot, model)) {
      const backInMs = key.accounts === null || key.accounts.has(id) ? live.backInMs(slot, lane) : 0;
      if (backInMs <= 0 || backInMs >= soonestMs) continue;
      soonestMs = backInMs;
      first = slot;
    }
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
  }
  if (model === null) return new SwitchyardError('no_account_available', 'No account can serve this request.');
  return new SwitchyardError('model_not_found', `No account of this key serves the model \`${model}\`.`, { param: 'model' });
}
