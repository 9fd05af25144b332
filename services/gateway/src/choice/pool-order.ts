import type { Snapshot } from './account.ts';
import { AccountIndex, SCANNED } from './account-index.ts';
import { grown } from './grown.ts';
import type { Heuristics } from './heuristics.ts';
import { LANE_COUNT } from './lanes.ts';
import { CLOSED, DEFERRED, OUT_OF_QUOTA, STANDINGS, TIERS } from './standing.ts';
import type { Standing } from './standing.ts';
import { strategyUsing } from './strategies.ts';
import type { AppliedStrategy, PlaceFigures, StrategyName } from './strategies.ts';

/** By what the accounts of a pool are put in order. */
export interface OrderRules {
  readonly strategy: StrategyName;
  /** Percent of a quota that is kept, where an account does not keep more. */
  readonly reservePercent: number;
}

/** What an order is worked out from. */
export interface OrderedFigures {
  inFlight(slot: number): number;
  lastChosen(slot: number): number;
  health(slot: number, lane: number): number;
  /** Index in `STANDINGS`, as it is without any reserve. */
  stoodAt(slot: number, lane: number): number;
  /** Percent that the account itself keeps. */
  reserve(slot: number): number;
  placeFigures(slot: number, lane: number): PlaceFigures;
  /** Monotonic milliseconds, rounded up, at which a deferred account is back. */
  backAtMs(slot: number, lane: number): number;
  /** Wall-clock milliseconds, rounded up, at which an account without quota has some; 0 when that is not known. */
  quotaBackAtMs(slot: number): number;
}

/** A snapshot is seen in three ways at most; a fourth has taken the place of one of them. */
const MOST_INDEXES = 3;
const TIER_UNIT = 2 ** 50;
const LATEST = 2 ** 49;
const TIER_OF = STANDINGS.map((standing) => TIERS[standing]);
const RESERVE = STANDINGS.indexOf('reserve');
const EXHAUSTED = STANDINGS.indexOf('exhausted');
const QUOTA_BLOCKED = STANDINGS.indexOf('quota_blocked');

/**
 * The accounts of one pool in the order in which they are chosen. It is worked out when something changes, so that choosing only compares
 * numbers. An account in several pools has a place in each, since they may order and keep differently.
 */
export class PoolOrder {
  readonly #figures: OrderedFigures;
  readonly #strategy: AppliedStrategy;
  readonly strategy: StrategyName;
  /** As decisions keep it: undefined for the usual one. */
  readonly recordedStrategy: StrategyName | undefined;
  readonly #reservePercent: number;
  // By slot.
  #isMember = new Uint8Array(0);
  // By place: slot × lanes + lane.
  #standing = new Uint8Array(0);
  #order = new Float64Array(0);
  /** Of the snapshot in force, and of the last that were taken of it: those that speak WebSocket, or serve what is not Responses. */
  #indexes: AccountIndex[] = [];
  #version: number | null = null;

  constructor(figures: OrderedFigures, { strategy, reservePercent }: OrderRules, uses: Heuristics) {
    this.#figures = figures;
    this.strategy = strategy;
    this.recordedStrategy = strategy === 'balance' ? undefined : strategy;
    this.#strategy = strategyUsing(strategy, uses);
    this.#reservePercent = reservePercent;
  }

  /** What the account counts for whose cache may know a prompt. */
  get cache(): AppliedStrategy['cache'] {
    return this.#strategy.cache;
  }

  grow(slots: number): void {
    this.#isMember = grown(this.#isMember, slots);
    this.#standing = grown(this.#standing, slots * LANE_COUNT);
    this.#order = grown(this.#order, slots * LANE_COUNT);
  }

  /** Takes over the accounts of a new snapshot. */
  adopt(snapshot: Snapshot): void {
    this.#indexes = [];
    this.#version = snapshot.version;
    this.#isMember.fill(0);
    for (const { slot } of snapshot.accounts) {
      this.#isMember[slot] = 1;
      this.refresh(slot, false);
    }
    this.indexOf(snapshot); // now rather than at the next request
  }

  /** The index of this snapshot, made when it is first asked for; null when it is small, or neither the one in force nor taken of it. */
  indexOf(snapshot: Snapshot): AccountIndex | null {
    if (snapshot.accounts.length <= SCANNED || snapshot.version !== this.#version) return null;
    for (let i = 0; i < this.#indexes.length; i++) if (this.#indexes[i]!.snapshot === snapshot) return this.#indexes[i]!;
    const made = new AccountIndex(snapshot, this);
    if (this.#indexes.length === MOST_INDEXES) this.#indexes.shift();
    this.#indexes.push(made);
    return made;
  }

  /** Whether an account is one of the pool. */
  has(slot: number): boolean {
    return this.#isMember[slot] === 1;
  }

  /** Percent of its quota that an account keeps in this pool. */
  reserve(slot: number): number {
    return Math.max(this.#reservePercent, this.#figures.reserve(slot));
  }

  standing(slot: number, lane: number): Standing {
    return STANDINGS[this.#standing[slot * LANE_COUNT + lane]!]!;
  }

  /** Index in `STANDINGS`. */
  standingAt(slot: number, lane: number): number {
    return this.#standing[slot * LANE_COUNT + lane]!;
  }

  tier(slot: number, lane: number): number {
    return TIER_OF[this.#standing[slot * LANE_COUNT + lane]!]!;
  }

  /**
   * Compares two accounts for a lane: tier and place, then as the strategy says.
   * @returns below 0 when `a` goes first; 0 when their order in the list decides
   */
  compare(a: number, b: number, lane: number): number {
    return this.compareWithoutTurn(a, b, lane) || (this.#strategy.byLastChosen ? this.#figures.lastChosen(a) - this.#figures.lastChosen(b) : 0);
  }

  /** The same, but for whose turn it is. */
  compareWithoutTurn(a: number, b: number, lane: number): number {
    const byOrder = this.#order[a * LANE_COUNT + lane]! - this.#order[b * LANE_COUNT + lane]!;
    if (byOrder !== 0) return byOrder;
    if (this.#strategy.byInFlight) {
      const busier = this.#figures.inFlight(a) - this.#figures.inFlight(b);
      if (busier !== 0) return busier;
    }
    if (!this.#strategy.byHealth) return 0;
    const { healthPoints } = this.#strategy;
    if (healthPoints === null) return this.#figures.health(a, lane) - this.#figures.health(b, lane);
    return healthPoints(this.#figures.placeFigures(a, lane)) - healthPoints(this.#figures.placeFigures(b, lane));
  }

  /** What is compared last has changed on all lanes. */
  moved(slot: number): void {
    if (this.has(slot)) for (let i = 0; i < this.#indexes.length; i++) this.#indexes[i]!.moved(slot);
  }

  /** Works out the standing and the place of an account on every lane. @param isRanked  Whether its health has changed, or what that is made of. */
  refresh(slot: number, isRanked: boolean): void {
    let changed = isRanked;
    for (let lane = 0; lane < LANE_COUNT; lane++) {
      const at = slot * LANE_COUNT + lane;
      const standing = this.#standingNow(slot, lane);
      const tier = TIER_OF[standing]!;
      const order = tier * TIER_UNIT + this.#within(slot, lane, tier);
      if (order !== this.#order[at]) changed = true;
      this.#order[at] = order;
      const before = this.#standing[at]!;
      this.#standing[at] = standing;
      if (before !== standing && this.has(slot)) for (const index of this.#indexes) index.stood(slot, lane, before, standing);
    }
    if (changed) this.moved(slot);
  }

  #standingNow(slot: number, lane: number): number {
    const stood = this.#figures.stoodAt(slot, lane);
    const reserve = this.reserve(slot);
    if (reserve === 0 || stood === QUOTA_BLOCKED || stood === EXHAUSTED) return stood;
    return this.#figures.placeFigures(slot, lane).used >= 1_000 - 10 * reserve ? RESERVE : stood;
  }

  #within(slot: number, lane: number, tier: number): number {
    if (tier === DEFERRED) return Math.min(this.#figures.backAtMs(slot, lane), LATEST);
    if (tier === OUT_OF_QUOTA) return Math.min(this.#figures.quotaBackAtMs(slot) || LATEST, LATEST);
    return tier >= CLOSED ? 0 : this.#strategy.place(this.#figures.placeFigures(slot, lane));
  }
}
