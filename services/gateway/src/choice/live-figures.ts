import type { Heuristic } from '@switchyard/contracts';
import { Interned } from '../interned.ts';
import type { Snapshot } from './account.ts';
import { BackOffs } from './back-offs.ts';
import type { BackoffReason, DeferringReason } from './back-offs.ts';
import type { Band } from './bands.ts';
import { Circuits } from './circuits.ts';
import { grown } from './grown.ts';
import { Health } from './health.ts';
import type { HealthEvent } from './health.ts';
import { ALL_HEURISTICS, switchedOff } from './heuristics.ts';
import type { Heuristics } from './heuristics.ts';
import { LANE_COUNT } from './lanes.ts';
import { PlaceTable } from './place-table.ts';
import { QuotaWindows } from './quota-windows.ts';
import type { QuotaReading } from './read-quota.ts';
import { PoolOrder } from './pool-order.ts';
import type { OrderRules, OrderedFigures } from './pool-order.ts';
import { CLOSED, DEFERRED, OUT_OF_QUOTA, STANDINGS } from './standing.ts';
import type { Standing } from './standing.ts';
import type { PlaceFigures, StrategyName } from './strategies.ts';
import { WallClockWatch } from './wall-clock-watch.ts';

/** Monotonic and wall-clock milliseconds. */
export interface FiguresClock {
  readonly nowMs: () => number;
  readonly wallClockMs: () => number;
}

const STANDING_PLACE = Object.fromEntries(STANDINGS.map((standing, place) => [standing, place])) as Readonly<Record<Standing, number>>;
const SETTLED_AT_ONCE = 1_000;
const SETTLE_ROUNDS = 8;
/** In this time every account has had its turn, at one round a second, with a second to spare. */
const SETTLED_WITHIN_MS = (SETTLE_ROUNDS + 1) * 1_000;

/**
 * What changes from request to request, in typed arrays by account slot and lane: nothing is allocated or copied for a choice.
 * Slots are handed out once per account id and kept while the process lives. The order of choice in each pool is worked out when something
 * changes (an event, or `settle` once a second for what changes with time).
 */
export class LiveFigures implements OrderedFigures {
  readonly #clock: FiguresClock;
  /** Of all accounts, then of each pool. */
  readonly #orders: readonly PoolOrder[];
  readonly uses: Heuristics;
  /** As decisions keep it: undefined when all count. */
  readonly switchedOff: readonly Heuristic[] | undefined;
  readonly quota = new QuotaWindows();
  readonly #health = new Health();
  readonly #circuits = new Circuits();
  readonly #backOffs = new BackOffs();
  /** By account id; kept while the process lives. */
  readonly #slots = new Interned();
  readonly #places = new PlaceTable();
  // By slot.
  #inFlight = new Int32Array(0);
  #lastChosen = new Float64Array(0);
  #soft = new Float64Array(0);
  #hard = new Float64Array(0);
  #reserve = new Float64Array(0);
  // By place: slot × lanes + lane.
  #stood = new Uint8Array(0);
  /** Slots whose figures change with time alone. */
  readonly #moving = new Set<number>();
  #choices = 0;
  #settled = 0;
  readonly #wallClock: WallClockWatch;
  #total = 0;
  /** Told when an account that had as many requests as it may have has room again. */
  onFreed: ((slot: number) => void) | null = null;

  /** @param pools  By what the accounts of each pool are put in order, in the order of the pools. */
  constructor(clock: FiguresClock, strategy: StrategyName = 'balance', pools: readonly OrderRules[] = [], uses: Heuristics = ALL_HEURISTICS) {
    this.#clock = clock;
    this.#wallClock = new WallClockWatch(clock.nowMs(), clock.wallClockMs());
    this.uses = uses;
    this.switchedOff = switchedOff(uses);
    this.#orders = [{ strategy, reservePercent: 0 }, ...pools].map((rules) => new PoolOrder(this, rules, uses));
    this.#grow(64);
  }

  /** The index of an account's figures. */
  slotOf(accountId: string): number {
    const slot = this.#slots.numberOf(accountId);
    if (slot >= this.#inFlight.length) this.#grow(this.#inFlight.length * 2);
    return slot;
  }

  /** The account that a slot was handed out to. */
  accountOf(slot: number): string {
    return this.#slots.textOf(slot);
  }

  /** Takes over limits and priorities of a new snapshot, and its pools. */
  adopt(snapshot: Snapshot, pools: readonly Snapshot[] = []): void {
    for (const { slot, priority, softInFlight, maxInFlight, reservePercent } of snapshot.accounts) {
      this.#places.setPriority(slot, priority);
      this.#soft[slot] = softInFlight;
      this.#hard[slot] = maxInFlight;
      this.#reserve[slot] = reservePercent;
      this.#stand(slot);
    }
    for (const each of [snapshot, ...pools]) this.orderOf(each).adopt(each);
  }

  /** The order in which the accounts of a snapshot are chosen. */
  orderOf({ order }: Pick<Snapshot, 'order'>): PoolOrder {
    return this.#orders[order]!;
  }

  /** Attempts in progress over all accounts. */
  get totalInFlight(): number {
    return this.#total;
  }

  inFlight(slot: number): number {
    return this.#inFlight[slot]!;
  }

  /** Whether others go first because of what it has in progress. */
  isSoftFull(slot: number): boolean {
    return this.#inFlight[slot]! >= this.#soft[slot]!;
  }

  /** Whether the account has as many requests as it may have. */
  isFull(slot: number): boolean {
    return this.#inFlight[slot]! >= this.#hard[slot]!;
  }

  /** Turn counter at which this account was last chosen; 0 is never. */
  lastChosen(slot: number): number {
    return this.#lastChosen[slot]!;
  }

  stoodAt(slot: number, lane: number): number {
    return this.#stood[slot * LANE_COUNT + lane]!;
  }

  reserve(slot: number): number {
    return this.#reserve[slot]!;
  }

  /** How it stands among all accounts. */
  standing(slot: number, lane: number): Standing {
    return this.#orders[0]!.standing(slot, lane);
  }

  tier(slot: number, lane: number): number {
    return this.#orders[0]!.tier(slot, lane);
  }

  /** An attempt begins. */
  begin(slot: number, lane: number): void {
    const running = ++this.#inFlight[slot]!;
    this.#total++;
    this.#lastChosen[slot] = ++this.#choices;
    const at = slot * LANE_COUNT + lane;
    const isProbe = !this.#circuits.isClosed(at) && this.#circuits.begun(at, this.#clock.nowMs());
    if (isProbe || running === this.#soft[slot] || running === this.#hard[slot]) this.#refresh(slot);
    this.#moved(slot);
  }

  finish(slot: number): void {
    const running = this.#inFlight[slot]!--;
    this.#total--;
    if (running === this.#soft[slot] || running === this.#hard[slot]) this.#refresh(slot);
    this.#moved(slot);
    if (running === this.#hard[slot]) this.onFreed?.(slot);
  }

  /**
   * The account answered as one that works.
   * @param firstByteMs  From the attempt to the head of its answer; null when that says nothing of its speed.
   */
  succeeded(slot: number, lane: number, firstByteMs: number | null): void {
    const at = slot * LANE_COUNT + lane;
    const isOtherwise = firstByteMs !== null && this.#health.observeFirstByte(at, firstByteMs);
    if (this.#health.isSound(at) && this.#backOffs.isClear(at) && this.#circuits.isClosed(at)) {
      if (isOtherwise) this.#refresh(slot);
      return;
    }
    this.#health.ease(at);
    // What held the account on every lane is over on every lane, whatever this one has failed of since.
    for (let place = slot * LANE_COUNT; place < (slot + 1) * LANE_COUNT; place++)
      if (place === at || isOfAccount(this.#backOffs.reason(place))) this.#backOffs.clear(place);
    this.#circuits.close(at);
    this.#refresh(slot);
  }

  /**
   * An attempt went wrong by the account's own fault.
   * @param backoff  What to leave it alone for; null for nothing.
   * @param waitMs   As the upstream said; null when it did not.
   */
  failed(slot: number, lane: number, event: HealthEvent, backoff: DeferringReason | null, waitMs: number | null): void {
    const nowMs = this.#clock.nowMs();
    const at = slot * LANE_COUNT + lane;
    this.#health.hit(at, event, nowMs);
    if (this.uses.circuit) this.#circuits.failed(at, this.#health.effective(at), nowMs);
    const untilMs = waitMs === null ? null : nowMs + waitMs;
    if (backoff !== null) for (const place of placesOf(slot, at, backoff)) this.#backOffs.failed(place, backoff, nowMs, untilMs);
    this.#moving.add(slot);
    this.#refresh(slot);
  }

  /** The account has another credential than the one that it or its upstream refused, or has taken it in a test: it is not put aside for that any more. */
  trustAnew(slot: number): void {
    let isEased = false;
    for (let at = slot * LANE_COUNT; at < (slot + 1) * LANE_COUNT; at++) {
      if (!isOfAccount(this.#backOffs.reason(at))) continue;
      this.#backOffs.clear(at);
      this.#circuits.close(at);
      isEased = true;
    }
    if (isEased) this.#refresh(slot);
  }

  /** The account refused for its quota. @param waitMs  As the upstream said; null when it did not. */
  block(slot: number, waitMs: number | null, isShort: boolean): void {
    this.quota.block(slot, waitMs, isShort, this.#clock.wallClockMs());
    this.#moving.add(slot);
    this.#refresh(slot);
  }

  /** An operator says that the account has quota. */
  lift(slot: number): void {
    this.quota.lift(slot, this.#clock.wallClockMs());
    this.#refresh(slot);
  }

  /** An answer or an event told of the account's quota. */
  observe(slot: number, reading: QuotaReading): void {
    this.quota.observe(slot, reading);
    this.#moving.add(slot);
    this.#refresh(slot);
  }

  /** Takes over what was stored of a quota. */
  restore(slot: number, record: Parameters<QuotaWindows['restore']>[1]): void {
    this.quota.restore(slot, record, this.#clock.wallClockMs());
    this.#moving.add(slot);
    this.#refresh(slot);
  }

  /** Takes over what another process on the database has learnt of a quota. */
  learn(slot: number, record: Parameters<QuotaWindows['learn']>[1]): void {
    this.quota.learn(slot, record, this.#clock.wallClockMs());
    this.#moving.add(slot);
    this.#refresh(slot);
  }

  /** Works out anew what changes with time: call it about once a second. */
  settle(): void {
    const nowMs = this.#clock.nowMs();
    const wallMs = this.#clock.wallClockMs();
    this.#settled++;
    const setBackMs = this.#wallClock.setBackMs(nowMs, wallMs);
    if (setBackMs > 0) this.quota.setBack(setBackMs, wallMs);
    // Of very many quotas, those that are at ease take turns: all of them at once would hold up requests for some milliseconds.
    const rounds = this.#moving.size > SETTLED_AT_ONCE && setBackMs === 0 ? SETTLE_ROUNDS : 1;
    for (const slot of this.#moving) {
      if (slot % rounds !== this.#settled % rounds && this.#isCalm(slot, wallMs)) continue;
      for (let n = 0; n < LANE_COUNT; n++) this.#health.decay(slot * LANE_COUNT + n, nowMs);
      this.#refresh(slot);
      if (!this.quota.isMetered(slot) && this.#isCalm(slot, wallMs)) this.#moving.delete(slot);
    }
  }

  band(slot: number, lane: number): Band {
    return this.#places.band(slot * LANE_COUNT + lane);
  }

  /** Points of health with those of a slow first byte; 0 is sound. */
  health(slot: number, lane: number): number {
    return this.#places.health(slot * LANE_COUNT + lane);
  }

  /** Whether its circuit on a lane is open or half-open, whatever else holds it back. */
  isCircuitOpen(slot: number, lane: number): boolean {
    return !this.#circuits.isClosed(slot * LANE_COUNT + lane);
  }

  /** What the account has failed of without having answered since, though it may be asked again meanwhile; null when there is nothing. On the lane first of all. */
  failedOf(slot: number, lane: number): BackoffReason | null {
    let reason = this.#backOffs.reason(slot * LANE_COUNT + lane);
    for (let other = 0; reason === null && other < LANE_COUNT; other++) reason = this.#backOffs.reason(slot * LANE_COUNT + other);
    return reason;
  }

  /**
   * Milliseconds until an account that is deferred or out of quota may be chosen again, as far as is known; 0 when it may, below 0 when that
   * is due. Whole numbers that differ between deferred accounts as their places in the order do.
   * @param tier  In its pool; that among all accounts when it is left out.
   */
  backInMs(slot: number, lane: number, tier = this.tier(slot, lane)): number {
    if (tier === DEFERRED) return this.backAtMs(slot, lane) - Math.floor(this.#clock.nowMs());
    if (tier <= CLOSED) return 0;
    const wallMs = this.#clock.wallClockMs();
    const until = this.quota.blockedUntilMs(slot, wallMs) || (this.quota.nextResetMs(slot, wallMs) ?? 0);
    return Math.max(0, Math.ceil(until - wallMs));
  }

  /** What the place of an account was worked out from. The same object at each call. */
  placeFigures(slot: number, lane: number): PlaceFigures {
    return this.#places.figures(slot, slot * LANE_COUNT + lane);
  }

  /** Milliseconds until a back-off ends, whatever its circuit says; 0 without one. */
  backOffMs(slot: number, lane: number): number {
    return Math.max(0, Math.ceil(this.#backOffs.untilMs(slot * LANE_COUNT + lane)) - Math.floor(this.#clock.nowMs()));
  }

  backAtMs(slot: number, lane: number): number {
    const at = slot * LANE_COUNT + lane;
    return Math.ceil(Math.max(this.#backOffs.untilMs(at), this.#circuits.backAtMs(at)));
  }

  quotaBackAtMs(slot: number): number {
    return this.#places.quotaBackAtMs(slot);
  }

  /** Whether nothing of it changes with time before its turn comes round. */
  #isCalm(slot: number, wallMs: number): boolean {
    for (let n = 0; n < LANE_COUNT; n++) {
      const at = slot * LANE_COUNT + n;
      const tier = this.tier(slot, n);
      const isOutForLong = tier === OUT_OF_QUOTA && this.#places.quotaBackAtMs(slot) > wallMs + SETTLED_WITHIN_MS;
      if (!this.#health.isSound(at) || (tier >= DEFERRED && !isOutForLong) || !this.#circuits.isClosed(at)) return false;
    }
    return true;
  }

  /** What is compared last has changed. */
  #moved(slot: number): void {
    for (let i = 0; i < this.#orders.length; i++) this.#orders[i]!.moved(slot);
  }

  /** Works out how an account stands on every lane, and its places. */
  #refresh(slot: number): void {
    const isRanked = this.#stand(slot);
    this.#orders[0]!.refresh(slot, isRanked);
    for (let i = 1; i < this.#orders.length; i++) if (this.#orders[i]!.has(slot)) this.#orders[i]!.refresh(slot, isRanked);
  }

  /** Works out how an account stands on every lane. @returns whether its health has changed, or what that is made of */
  #stand(slot: number): boolean {
    const nowMs = this.#clock.nowMs();
    const isMetered = this.quota.isMetered(slot);
    const wallMs = isMetered ? this.#clock.wallClockMs() : 0;
    const isBlocked = isMetered && this.quota.blockedUntilMs(slot, wallMs) !== 0;
    if (isMetered) this.#places.noteQuota(slot, this.quota, wallMs);
    let isRanked = false;
    for (let lane = 0; lane < LANE_COUNT; lane++) {
      const at = slot * LANE_COUNT + lane;
      if (this.#places.noteHealth(at, this.#health)) isRanked = true;
      this.#stood[at] = STANDING_PLACE[this.#standingNow(slot, at, isBlocked, nowMs)];
    }
    return isRanked;
  }

  #standingNow(slot: number, at: number, isBlocked: boolean, nowMs: number): Standing {
    if (isBlocked) return 'quota_blocked';
    if (this.#places.isExhausted(at)) return 'exhausted';
    const running = this.#inFlight[slot]!;
    if (running >= this.#hard[slot]!) return 'hard_full';
    if (this.#backOffs.untilMs(at) > nowMs) return 'backing_off';
    if (this.#circuits.backAtMs(at) > nowMs) return 'circuit_open';
    return running >= this.#soft[slot]! ? 'soft_full' : 'ready';
  }

  #grow(slots: number): void {
    const places = slots * LANE_COUNT;
    const first = this.#soft.length;
    this.#inFlight = grown(this.#inFlight, slots);
    this.#lastChosen = grown(this.#lastChosen, slots);
    this.#soft = grown(this.#soft, slots).fill(Infinity, first);
    this.#hard = grown(this.#hard, slots).fill(Infinity, first);
    this.#reserve = grown(this.#reserve, slots);
    this.#places.grow(slots);
    this.#stood = grown(this.#stood, places);
    this.#health.grow(places);
    this.#circuits.grow(places);
    this.#backOffs.grow(places);
    for (const order of this.#orders) order.grow(slots);
  }
}

/** Whether an account fails of it whatever it is asked for. */
function isOfAccount(reason: BackoffReason | null): boolean {
  return reason === 'auth' || reason === 'forbidden';
}

/** Where a back-off for this reason holds: a credential is the same on every lane. */
function placesOf(slot: number, at: number, reason: BackoffReason | null): readonly number[] {
  if (!isOfAccount(reason)) return [at];
  return Array.from({ length: LANE_COUNT }, (_, lane) => slot * LANE_COUNT + lane);
}
