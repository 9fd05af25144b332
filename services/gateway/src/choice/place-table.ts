import { BANDS } from './bands.ts';
import type { Band } from './bands.ts';
import { grown } from './grown.ts';
import type { Health } from './health.ts';
import { LANE_COUNT, familyOf } from './lanes.ts';
import { pressureBucket } from './pressure.ts';
import type { QuotaWindows } from './quota-windows.ts';
import type { PlaceFigures } from './strategies.ts';

const EXHAUSTED = BANDS.indexOf('exhausted');

/** What the order of choice was worked out from, by place (slot × lanes + lane), kept so that decisions tell exactly that. */
export class PlaceTable {
  // By slot.
  #priority = new Int32Array(0);
  #quotaBackMs = new Float64Array(0);
  // By place.
  #rank = new Int32Array(0);
  #latency = new Uint8Array(0);
  #pairing = new Uint8Array(0);
  #band = new Uint8Array(0);
  #bucket = new Uint8Array(0);
  #remembered = new Uint8Array(0);
  #used = new Int32Array(0);
  #resetAtS = new Float64Array(0);
  // Reused, so that working out a place makes no garbage.
  readonly #figures: { -readonly [K in keyof PlaceFigures]: number } = {
    priority: 0,
    band: 0,
    bucket: 0,
    remembered: 0,
    health: 0,
    latency: 0,
    pairing: 0,
    used: 0,
    resetAtS: 0,
  };

  grow(slots: number): void {
    const places = slots * LANE_COUNT;
    this.#priority = grown(this.#priority, slots);
    this.#quotaBackMs = grown(this.#quotaBackMs, slots);
    this.#rank = grown(this.#rank, places);
    this.#latency = grown(this.#latency, places);
    this.#pairing = grown(this.#pairing, places);
    this.#band = grown(this.#band, places);
    this.#bucket = grown(this.#bucket, places);
    this.#remembered = grown(this.#remembered, places);
    this.#used = grown(this.#used, places);
    this.#resetAtS = grown(this.#resetAtS, places);
  }

  setPriority(slot: number, priority: number): void {
    this.#priority[slot] = priority;
  }

  /** Takes down the health of a place. @returns whether that has changed, or what it is made of */
  noteHealth(at: number, health: Health): boolean {
    const rank = health.rank(at);
    const latency = health.latency(at);
    const pairing = health.pairing(at);
    const isRanked = rank !== this.#rank[at] || latency !== this.#latency[at] || pairing !== this.#pairing[at];
    this.#rank[at] = rank;
    this.#latency[at] = latency;
    this.#pairing[at] = pairing;
    return isRanked;
  }

  /** Takes down what is known of a quota now; lanes of one family see the same. */
  noteQuota(slot: number, quota: QuotaWindows, wallMs: number): void {
    this.#quotaBackMs[slot] = Math.ceil(quota.blockedUntilMs(slot, wallMs) || (quota.nextResetMs(slot, wallMs) ?? 0));
    const remembered = quota.isRemembered(slot, wallMs) ? 1 : 0;
    const used = Math.round((100 - quota.leastLeft(slot, wallMs)) * 10);
    const resetAtS = Math.ceil((quota.nextResetMs(slot, wallMs) ?? 0) / 1_000);
    for (let lane = 0; lane < LANE_COUNT; lane++) {
      const at = slot * LANE_COUNT + lane;
      // Even lanes are worked out, and odd ones are the other of their pair.
      const isFirst = lane % 2 === 0;
      this.#band[at] = isFirst ? BANDS.indexOf(quota.band(slot, familyOf(lane), wallMs)) : this.#band[at - 1]!;
      this.#bucket[at] = isFirst ? pressureBucket(quota.pressure(slot, familyOf(lane), wallMs), this.#bucket[at]!) : this.#bucket[at - 1]!;
      this.#remembered[at] = remembered;
      this.#used[at] = used;
      this.#resetAtS[at] = resetAtS;
    }
  }

  band(at: number): Band {
    return BANDS[this.#band[at]!]!;
  }

  isExhausted(at: number): boolean {
    return this.#band[at] === EXHAUSTED;
  }

  /** Points of health with those of a slow first byte; 0 is sound. */
  health(at: number): number {
    return this.#rank[at]!;
  }

  /** Wall-clock milliseconds, rounded up, at which an account without quota has some; 0 when that is not known. */
  quotaBackAtMs(slot: number): number {
    return this.#quotaBackMs[slot]!;
  }

  /** All of a place. The same object at each call. */
  figures(slot: number, at: number): PlaceFigures {
    const figures = this.#figures;
    figures.priority = this.#priority[slot]!;
    figures.band = this.#band[at]!;
    figures.bucket = this.#bucket[at]!;
    figures.remembered = this.#remembered[at]!;
    figures.health = this.#rank[at]!;
    figures.latency = this.#latency[at]!;
    figures.pairing = this.#pairing[at]!;
    figures.used = this.#used[at]!;
    figures.resetAtS = this.#resetAtS[at]!;
    return figures;
  }
}
