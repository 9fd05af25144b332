import type { Account } from '../choice/account.ts';
import type { LiveFigures } from '../choice/live-figures.ts';
import { quotaHeaders, tellQuota } from '../choice/tell-quota.ts';
import { Unserved } from '../choice/unserved.ts';
import type { Owner } from './owner.ts';

/** A block that is over sooner than this is the owner's own to tell: it answers with its own words, or serves again. */
const NEARLY_OVER_MS = 60_000;

/** When an account that is out of quota is back, epoch milliseconds; null when it is not out, or back so soon that this is its own to tell. */
export function exhaustedUntilMs({ slot }: Pick<Account, 'slot'>, live: LiveFigures, wallClockMs: number): number | null {
  const untilMs = live.quota.blockedUntilMs(slot, wallClockMs);
  return untilMs - wallClockMs <= NEARLY_OVER_MS ? null : untilMs;
}

/**
 * The refusal of a conversation whose owner is known to be out of quota: nobody else may answer, and asking would only tell it again. In the
 * words at which codex stops and shows its usage-limit text, with the moment at which it is worth asking (protocol section 2.8).
 * @param wallClockMs  Epoch milliseconds.
 * @returns null when the owner may be asked
 */
export function exhaustedOwner({ account }: Owner, live: LiveFigures, wallClockMs: number): Unserved | null {
  const untilMs = exhaustedUntilMs(account, live, wallClockMs);
  if (untilMs === null) return null;
  const resetsAtS = Math.ceil(untilMs / 1_000);
  const headers = quotaHeaders(tellQuota(live.quota, account.slot, wallClockMs));
  return new Unserved('owner_exhausted', 'owner_out_of_quota', 'The account that owns this conversation has reached its usage limit.', {
    account: account.name,
    backAtMs: untilMs,
    retryAfterMs: untilMs - wallClockMs,
    resetsAtS,
    headers,
  });
}
