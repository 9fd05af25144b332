import { chooseAccount, firstInOrder } from './choose-account.ts';
import type { Query } from './choose-account.ts';
import type { LiveFigures } from './live-figures.ts';
import type { Pool } from './pool.ts';
import { OUT_OF_QUOTA } from './standing.ts';
import { quotaHeaders, tellQuota } from './tell-quota.ts';
import { Unserved } from './unserved.ts';
import type { LookedIn } from './unserved.ts';

/** Why a request could not be sent to any account, as the fault that its client gets. @param wallClockMs  Epoch milliseconds. */
export function nobodyLeft(pool: Pool, live: LiveFigures, query: Query, wallClockMs: number): Unserved {
  const { model, lane } = query;
  const lookedIn: LookedIn[] = [];
  let isFull = false;
  let isOut = false;
  let isBarred = false;
  let backAtMs = Infinity;
  let first = -1;
  for (const { name, members } of [pool, ...(pool.fallback ?? [])]) {
    const { candidates, skipped } = chooseAccount(members, live, query);
    lookedIn.push({ pool: name, candidates, skipped });
    if (skipped === undefined) continue;
    isFull ||= skipped.hard_full !== undefined;
    isBarred ||= skipped.key_may_not !== undefined;
    if ((skipped.quota_blocked ?? 0) + (skipped.exhausted ?? 0) + (skipped.reserve ?? 0) === 0) continue;
    isOut = true;
    const soonest = firstInOrder(members, live, query);
    if (soonest === null || live.orderOf(members).tier(soonest.slot, lane) !== OUT_OF_QUOTA) continue;
    const soonestMs = live.quotaBackAtMs(soonest.slot);
    if (soonestMs === 0 || soonestMs >= backAtMs) continue;
    backAtMs = soonestMs;
    first = soonest.slot;
  }
  if (isFull) return new Unserved('server_is_overloaded', 'full', 'Every account that could serve this has as many requests as it may have.', { lookedIn });
  if (isOut)
    return new Unserved(
      'quota_exhausted',
      'out_of_quota',
      'Every account that could serve this has used up its quota.',
      first === -1
        ? { lookedIn }
        : {
            lookedIn,
            backAtMs,
            // One whose time has just come is chosen a moment later, when its figures have been worked out anew.
            retryAfterMs: Math.max(1, Math.ceil(backAtMs - wallClockMs)),
            resetsAtS: Math.ceil(backAtMs / 1_000),
            headers: quotaHeaders(tellQuota(live.quota, first, wallClockMs)),
          },
    );
  if (model === null)
    return new Unserved('no_account_available', isBarred ? 'accounts_not_for_key' : 'no_account', 'No account can serve this request.', { lookedIn });
  const reason = isBarred ? 'accounts_not_for_key' : 'model_not_served';
  return new Unserved('model_not_found', reason, `No account of this key serves the model \`${model}\`.`, { param: 'model', lookedIn });
}
