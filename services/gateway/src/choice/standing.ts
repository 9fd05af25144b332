/**
 * How an account stands for a lane. A closed list: what is not `ready` is a reason to pass an account over, and decisions count by it.
 * Places are those of the typed arrays; never renumber while a process lives.
 */
export const STANDINGS = ['ready', 'soft_full', 'backing_off', 'circuit_open', 'hard_full', 'quota_blocked', 'reserve', 'exhausted'] as const;
export type Standing = (typeof STANDINGS)[number];

/**
 * First part of every order, by standing: 1 goes after all others, 2 is deferred and ordered by when it is back, from 3 on it is not
 * chosen, and 4 is ordered by when it is back too, so that a refusal can say when that is. Health only orders and defers; a quota and a hard limit refuse (product section 3).
 */
export const TIERS: Readonly<Record<Standing, number>> = {
  ready: 0,
  soft_full: 1,
  backing_off: 2,
  circuit_open: 2,
  hard_full: 3,
  quota_blocked: 4,
  reserve: 4,
  exhausted: 4,
};

/** The tier in which accounts are ordered by when they are back. */
export const DEFERRED = 2;
/** The first tier that is never chosen. */
export const CLOSED = 3;
/** The tier of those that have no quota for what is new, ordered by when they have. */
export const OUT_OF_QUOTA = 4;

/** Why a candidate was passed over. A closed list: decisions count by it. */
export const SKIP_REASONS = ['key_may_not', 'already_tried', ...STANDINGS.slice(1)] as readonly SkipReason[];
export type SkipReason = 'key_may_not' | 'already_tried' | Exclude<Standing, 'ready'>;
