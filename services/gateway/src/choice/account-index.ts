import { servedModels } from './account.ts';
import type { Account, Snapshot } from './account.ts';
import { LANE_COUNT } from './lanes.ts';
import type { PoolOrder } from './pool-order.ts';
import { SlotHeap } from './slot-heap.ts';
import { CLOSED, STANDINGS } from './standing.ts';

/** Up to this many candidates a walk over the list is cheaper than keeping heaps in order. */
export const SCANNED = 32;

/** Accounts with the same models and priority: in whatever set of candidates one of them is, all are. */
interface Cohort {
  readonly slots: readonly number[];
  /** One per lane, made when that lane is first asked for. */
  readonly heaps: (SlotHeap | null)[];
  /** How many of them stand in each way, lane by lane; what heaps never visit is counted all the same. */
  readonly standings: readonly Int32Array[];
}

/**
 * The accounts of a large snapshot, kept in the order of choice while their figures change, so that choosing looks at the best of a few
 * cohorts instead of at all accounts.
 */
export class AccountIndex {
  readonly snapshot: Snapshot;
  readonly #order: PoolOrder;
  readonly #byModel = new Map<string, Cohort[]>();
  readonly #general: Cohort[] = [];
  // By slot.
  readonly #cohortOf: (Cohort | undefined)[] = [];
  readonly #accountAt: (Account | undefined)[] = [];
  readonly #listed: Int32Array;

  constructor(snapshot: Snapshot, order: PoolOrder) {
    this.snapshot = snapshot;
    this.#order = order;
    const groups = new Map<string, Account[]>();
    this.#listed = new Int32Array(1 + Math.max(...snapshot.accounts.map(({ slot }) => slot)));
    for (const [listed, account] of snapshot.accounts.entries()) {
      this.#listed[account.slot] = listed;
      this.#accountAt[account.slot] = account;
      const alike = JSON.stringify([account.kind === 'sandbox', account.priority, ...servedModels(account)]);
      const group = groups.get(alike);
      if (group === undefined) groups.set(alike, [account]);
      else group.push(account);
    }
    for (const group of groups.values()) this.#addCohort(group);
  }

  /** The place of a figure has changed on all lanes. */
  moved(slot: number): void {
    const cohort = this.#cohortOf[slot];
    if (cohort === undefined) return;
    for (let lane = 0; lane < LANE_COUNT; lane++) {
      const heap = cohort.heaps[lane];
      if (heap !== null && heap !== undefined) heap.moved(slot);
    }
  }

  /** An account stands otherwise than before; indexes in `STANDINGS`. */
  stood(slot: number, lane: number, before: number, after: number): void {
    const counts = this.#cohortOf[slot]?.standings[lane];
    if (counts === undefined) return;
    counts[before]!--;
    counts[after]!++;
  }

  /** The best account for a model (null: for a request without one) that is not in `leftOut`; null when none may be chosen. */
  best(model: string | null, lane: number, leftOut: readonly Account[]): Account | null {
    const first = this.first(model, lane, leftOut);
    return first === null || this.#order.tier(first.slot, lane) >= CLOSED ? null : first;
  }

  /** The same, also when it may not be chosen: then it is the one that may be soonest. */
  first(model: string | null, lane: number, leftOut: readonly Account[]): Account | null {
    const isLeftOut = (slot: number): boolean => leftOut.length > 0 && leftOut.includes(this.#accountAt[slot]!);
    let best = -1;
    for (const cohort of this.#cohortsFor(model)) {
      const slot = this.#heap(cohort, lane).best(isLeftOut);
      if (slot !== -1 && (best === -1 || this.#goesBefore(slot, best, lane))) best = slot;
    }
    return best === -1 ? null : this.#accountAt[best]!;
  }

  /** How many candidates stand in each way; indexes of `STANDINGS`. */
  standings(model: string | null, lane: number): Int32Array {
    const sums = new Int32Array(STANDINGS.length);
    for (const { standings } of this.#cohortsFor(model)) for (const [i, count] of standings[lane]!.entries()) sums[i]! += count;
    return sums;
  }

  #cohortsFor(model: string | null): readonly Cohort[] {
    return model === null ? this.#general : (this.#byModel.get(model) ?? []);
  }

  #addCohort(group: readonly Account[]): void {
    const standings = Array.from({ length: LANE_COUNT }, (_, lane) => {
      const counts = new Int32Array(STANDINGS.length);
      for (const { slot } of group) counts[this.#order.standingAt(slot, lane)]!++;
      return counts;
    });
    const cohort: Cohort = { slots: group.map(({ slot }) => slot), heaps: Array.from({ length: LANE_COUNT }, () => null), standings };
    for (const { slot } of group) this.#cohortOf[slot] = cohort;
    for (const model of servedModels(group[0]!)) {
      const serving = this.#byModel.get(model);
      if (serving === undefined) this.#byModel.set(model, [cohort]);
      else if (!serving.includes(cohort)) serving.push(cohort);
    }
    if (group[0]!.kind !== 'sandbox') this.#general.push(cohort);
  }

  #heap(cohort: Cohort, lane: number): SlotHeap {
    return (cohort.heaps[lane] ??= new SlotHeap(cohort.slots, this.#listed.length, (a, b) => this.#goesBefore(a, b, lane)));
  }

  #goesBefore(a: number, b: number, lane: number): boolean {
    const which = this.#order.compare(a, b, lane);
    return which < 0 || (which === 0 && this.#listed[a]! < this.#listed[b]!);
  }
}
