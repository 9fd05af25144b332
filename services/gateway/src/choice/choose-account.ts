import type { KeyRecord } from '../edge/key-table.ts';
import type { Account, Snapshot } from './account.ts';
import type { LiveFigures } from './live-figures.ts';

/** Why a candidate was passed over. A closed list: decisions count by it. */
export const SKIP_REASONS = ['key_may_not', 'already_tried', 'backing_off'] as const;
export type SkipReason = (typeof SKIP_REASONS)[number];

export interface Query {
  /** Null when the request names no model: then every account but the sandbox is a candidate. */
  readonly model: string | null;
  readonly key: Pick<KeyRecord, 'accounts'>;
  /** Accounts that this request has already been sent to. */
  readonly tried: readonly Account[];
  /** Monotonic milliseconds. */
  readonly nowMs: number;
}

export interface Choice {
  readonly account: Account | null;
  readonly candidates: number;
  /** Undefined when none was. */
  readonly skipped: Readonly<Partial<Record<SkipReason, number>>> | undefined;
  /** True when every candidate was backing off and the one that is back soonest was taken. */
  readonly leastBad: boolean;
}

const NONE: Choice = { account: null, candidates: 0, skipped: undefined, leastBad: false };

/**
 * Picks the account for the next attempt: priority, then fewest requests in flight, then least recently chosen, then list order.
 * Accounts that are backing off come after all others and are ordered by when they are back: a back-off defers, it never refuses.
 * Pure: the same snapshot, figures and query give the same choice.
 * @see product section 3
 */
export function chooseAccount(snapshot: Snapshot, live: LiveFigures, query: Query): Choice {
  const candidates = query.model === null ? snapshot.general : snapshot.byModel.get(query.model);
  if (candidates === undefined || candidates.length === 0) return NONE;
  let best: Account | null = null;
  let deferred: Account | null = null;
  let keyMayNot = 0;
  let alreadyTried = 0;
  let backingOff = 0;
  for (const account of candidates) {
    if (query.key.accounts !== null && !query.key.accounts.has(account.id)) {
      keyMayNot++;
    } else if (query.tried.includes(account)) {
      alreadyTried++;
    } else if (live.backoffUntil(account.slot) > query.nowMs) {
      backingOff++;
      if (deferred === null || live.backoffUntil(account.slot) < live.backoffUntil(deferred.slot)) deferred = account;
    } else if (best === null || goesBefore(account, best, live)) {
      best = account;
    }
  }
  return {
    account: best ?? deferred,
    candidates: candidates.length,
    skipped: counted(keyMayNot, alreadyTried, backingOff),
    leastBad: best === null && deferred !== null,
  };
}

function counted(keyMayNot: number, alreadyTried: number, backingOff: number): Choice['skipped'] {
  if (keyMayNot + alreadyTried + backingOff === 0) return undefined;
  return {
    ...(keyMayNot > 0 ? { key_may_not: keyMayNot } : {}),
    ...(alreadyTried > 0 ? { already_tried: alreadyTried } : {}),
    ...(backingOff > 0 ? { backing_off: backingOff } : {}),
  };
}

function goesBefore(a: Account, b: Account, live: LiveFigures): boolean {
  if (a.priority !== b.priority) return a.priority < b.priority;
  const busier = live.inFlight(a.slot) - live.inFlight(b.slot);
  if (busier !== 0) return busier < 0;
  return live.lastChosen(a.slot) < live.lastChosen(b.slot);
}
