import { grown } from './grown.ts';
import { LANE_COUNT } from './lanes.ts';

/** What an attempt can do to an account's health, in points; a success takes some off (product section 3). */
export const HEALTH_POINTS = { connect: 5, transport: 4, overload: 2, auth: 12, forbidden: 2 } as const;
export type HealthEvent = keyof typeof HEALTH_POINTS;

const WORST = 16;
const SUCCESS = 2;
const DECAY_MS = 60_000;
/** A pairing of account and lane that went badly is remembered for longer. */
const PAIRING = { points: 2, decayMs: 180_000 } as const;

/** Points by smoothed first byte, by lane: the first edge that it lies below. */
const LATENCY_POINTS = [0, 2, 4, 7, 12] as const;
const LATENCY_EDGES_MS = [
  [120, 300, 700, 1_500],
  [120, 300, 700, 1_500],
  [80, 180, 400, 900],
  [80, 180, 400, 900],
] as const;

/** Health by place (slot × lanes + lane): a score of failures, bad pairings and latency. What is in trouble decays with time. */
export class Health {
  #score = new Uint8Array(0);
  #scoreAt = new Float64Array(0);
  #pairing = new Uint8Array(0);
  #pairingAt = new Float64Array(0);
  #firstByteMs = new Float64Array(0);
  #latency = new Uint8Array(0);

  grow(places: number): void {
    this.#score = grown(this.#score, places);
    this.#scoreAt = grown(this.#scoreAt, places);
    this.#pairing = grown(this.#pairing, places);
    this.#pairingAt = grown(this.#pairingAt, places);
    this.#firstByteMs = grown(this.#firstByteMs, places);
    this.#latency = grown(this.#latency, places);
  }

  /** Whether nothing is held against this place but its latency. */
  isSound(at: number): boolean {
    return this.#score[at] === 0 && this.#pairing[at] === 0;
  }

  hit(at: number, event: HealthEvent, nowMs: number): void {
    this.decay(at, nowMs);
    this.#score[at] = Math.min(WORST, this.#score[at]! + HEALTH_POINTS[event]);
    this.#scoreAt[at] = nowMs;
    this.#pairing[at] = Math.min(WORST, this.#pairing[at]! + PAIRING.points);
    this.#pairingAt[at] = nowMs;
  }

  ease(at: number): void {
    this.#score[at] = Math.max(0, this.#score[at]! - SUCCESS);
  }

  /** Takes a first byte into account, two parts old to one part new. @returns whether its points have changed */
  observeFirstByte(at: number, ms: number): boolean {
    const before = this.#firstByteMs[at]!;
    const smoothed = before === 0 ? ms : (2 * before + ms) / 3;
    this.#firstByteMs[at] = smoothed;
    const edges = LATENCY_EDGES_MS[at % LANE_COUNT]!;
    let row = 0;
    while (row < edges.length && smoothed >= edges[row]!) row++;
    const points = LATENCY_POINTS[row]!;
    if (points === this.#latency[at]) return false;
    this.#latency[at] = points;
    return true;
  }

  decay(at: number, nowMs: number): void {
    decayed(this.#score, this.#scoreAt, at, nowMs, DECAY_MS);
    decayed(this.#pairing, this.#pairingAt, at, nowMs, PAIRING.decayMs);
  }

  /** Score of this lane with half of that of the lane it is coupled with. */
  effective(at: number): number {
    return this.#score[at]! + (this.#score[at ^ 1]! >> 1);
  }

  latency(at: number): number {
    return this.#latency[at]!;
  }

  pairing(at: number): number {
    return this.#pairing[at]!;
  }

  /** What counts in an order: the higher, the later. */
  rank(at: number): number {
    return this.effective(at) + this.#pairing[at]! + this.#latency[at]!;
  }
}

function decayed(points: Uint8Array, since: Float64Array, at: number, nowMs: number, everyMs: number): void {
  const steps = Math.floor((nowMs - since[at]!) / everyMs);
  if (points[at] === 0 || steps <= 0) return;
  points[at] = Math.max(0, points[at]! - steps);
  since[at] = since[at]! + steps * everyMs;
}
