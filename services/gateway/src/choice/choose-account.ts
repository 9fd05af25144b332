import type { KeyRecord } from '../edge/key-table.ts';
import { servesModel } from './account.ts';
import type { Account, Snapshot } from './account.ts';
import { SCANNED } from './account-index.ts';
import type { LiveFigures } from './live-figures.ts';
import type { PoolOrder } from './pool-order.ts';
import { CLOSED, DEFERRED, SKIP_REASONS, STANDINGS } from './standing.ts';
import type { SkipReason } from './standing.ts';

export interface Query {
  /** Null when the request names no model: then every account but the sandbox is a candidate. */
  readonly model: string | null;
  /** Place of its lane (`LANE_AT`). */
  readonly lane: number;
  readonly key: Pick<KeyRecord, 'accounts'>;
  /** Accounts that this request has already been sent to. */
  readonly tried: readonly Account[];
}

export interface Choice {
  readonly account: Account | null;
  readonly candidates: number;
  /** Why others were passed over, without the one that was chosen; undefined when none was. */
  readonly skipped: Skips | undefined;
  /** True when every candidate that may be chosen is deferred and the one that is back soonest was taken. */
  readonly leastBad: boolean;
}
export type Skips = Readonly<Partial<Record<SkipReason, number>>>;

const NONE: Choice = { account: null, candidates: 0, skipped: undefined, leastBad: false };
const NO_ACCOUNTS: readonly Account[] = [];

/** The accounts that serve a request with this model, in the order of the list. */
export function candidatesOf(snapshot: Snapshot, model: string | null): readonly Account[] {
  return model === null ? snapshot.general : (snapshot.byModel.get(model) ?? NO_ACCOUNTS);
}

const allowed = new WeakMap<ReadonlySet<string>, WeakMap<Snapshot, Map<string | null, readonly Account[]>>>();

/** Of the candidates those that a key may use, in the order of the list; of a short list all. Worked out once for each key, snapshot and model. */
function lookedAt(snapshot: Snapshot, { model, key }: Query): readonly Account[] {
  const candidates = candidatesOf(snapshot, model);
  const { accounts } = key;
  if (accounts === null || candidates.length <= SCANNED) return candidates;
  let bySnapshot = allowed.get(accounts);
  if (bySnapshot === undefined) allowed.set(accounts, (bySnapshot = new WeakMap()));
  let byModel = bySnapshot.get(snapshot);
  if (byModel === undefined) bySnapshot.set(snapshot, (byModel = new Map()));
  let found = byModel.get(model);
  if (found === undefined) byModel.set(model, (found = candidates.filter(({ id }) => accounts.has(id))));
  return found;
}

/**
 * Picks the account for the next attempt: by how it stands, then by the strategy, then by the order of the list. Those that are left
 * alone for a while come after all others, ordered by when they are back: a failure defers, it never refuses. Those without quota, or
 * with as many requests as they may have, are not chosen.
 * Pure: the same snapshot, figures and query give the same choice. It looks at all of a short list, and in a long one at the best of each
 * group of like accounts, or at those that the key may use.
 * @see product section 3
 */
export function chooseAccount(snapshot: Snapshot, live: LiveFigures, query: Query): Choice {
  const candidates = candidatesOf(snapshot, query.model);
  if (candidates.length === 0) return NONE;
  const order = live.orderOf(snapshot);
  const index = query.key.accounts === null ? order.indexOf(snapshot) : null;
  return index === null
    ? scan(lookedAt(snapshot, query), candidates.length, order, query)
    : chosenFrom(candidates.length, index.best(query.model, query.lane, query.tried), index.standings(query.model, query.lane), order, snapshot, query);
}

/**
 * The account that comes first for a request, also when it may not be chosen: with all of them out of quota the one that is back soonest.
 * Null when the key may use none that serves it.
 */
export function firstInOrder(snapshot: Snapshot, live: LiveFigures, query: Query): Account | null {
  const { model, lane, key, tried } = query;
  const order = live.orderOf(snapshot);
  const index = key.accounts === null ? order.indexOf(snapshot) : null;
  if (index !== null) return index.first(model, lane, tried);
  let first: Account | null = null;
  for (const account of lookedAt(snapshot, query)) {
    if ((key.accounts !== null && !key.accounts.has(account.id)) || tried.includes(account)) continue;
    if (first === null || order.compare(account.slot, first.slot, lane) < 0) first = account;
  }
  return first;
}

// Counted into by one choice after another, each of which is over before the next begins.
const counts = new Int32Array(STANDINGS.length);

/** @param candidates  How many there are, with those that the key may not use and that are therefore not looked at. */
function scan(looked: readonly Account[], candidates: number, order: PoolOrder, { lane, key, tried }: Query): Choice {
  let best: Account | null = null;
  let keyMayNot = candidates - looked.length;
  let alreadyTried = 0;
  let notReady = 0;
  for (const account of looked) {
    if (key.accounts !== null && !key.accounts.has(account.id)) {
      keyMayNot++;
      continue;
    }
    if (tried.includes(account)) {
      alreadyTried++;
      continue;
    }
    const standing = order.standingAt(account.slot, lane);
    if (standing !== 0) {
      if (notReady++ === 0) counts.fill(0);
      counts[standing]!++;
      if (order.tier(account.slot, lane) >= CLOSED) continue;
    }
    if (best === null || order.compare(account.slot, best.slot, lane) < 0) best = account;
  }
  if (best !== null && notReady > 0) {
    const standing = order.standingAt(best.slot, lane);
    if (standing !== 0) {
      counts[standing]!--;
      notReady--;
    }
  }
  return {
    account: best,
    candidates,
    skipped: notReady + keyMayNot + alreadyTried === 0 ? undefined : skips(keyMayNot, alreadyTried, notReady === 0 ? null : counts),
    leastBad: best !== null && order.tier(best.slot, lane) === DEFERRED,
  };
}

/** A choice from an index, which counts standings over all candidates: those of them that were tried are counted as that instead. */
function chosenFrom(
  candidates: number,
  best: Account | null,
  standings: Int32Array,
  order: PoolOrder,
  { bySlot }: Snapshot,
  { model, lane, tried }: Query,
): Choice {
  let alreadyTried = 0;
  for (const account of tried) {
    // Some were tried in the pool that this one stands in for.
    if (bySlot.get(account.slot) !== account || !servesModel(account, model)) continue;
    standings[order.standingAt(account.slot, lane)]!--;
    alreadyTried++;
  }
  if (best !== null) standings[order.standingAt(best.slot, lane)]!--;
  return { account: best, candidates, skipped: skips(0, alreadyTried, standings), leastBad: best !== null && order.tier(best.slot, lane) === DEFERRED };
}

function skips(keyMayNot: number, alreadyTried: number, standings: Int32Array | null): Skips | undefined {
  const counted: Partial<Record<SkipReason, number>> = {};
  for (const [i, reason] of SKIP_REASONS.entries()) {
    // After the first two the list goes on with the standings that are not `ready`.
    const count = i === 0 ? keyMayNot : i === 1 ? alreadyTried : (standings?.[i - 1] ?? 0);
    if (count > 0) counted[reason] = count;
  }
  return Object.keys(counted).length === 0 ? undefined : counted;
}
