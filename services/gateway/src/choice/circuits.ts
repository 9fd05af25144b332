import { grown } from './grown.ts';

/** Score from which a failure opens the circuit (product section 3). */
const CIRCUIT_OPENS_AT = 4;
const FIRST_MS = 20_000;
const MOST_MS = 600_000;
const MOST_DOUBLINGS_BY_SCORE = 3;
const LAST_STAGE = 4;
/** A circuit that has been closed for this long begins anew. */
const STAGE_FORGOTTEN_MS = 1_800_000;
const PROBE = { firstMs: 5_000, mostMs: 60_000 } as const;

/** How long a circuit stays open: longer the worse the score, and again with each time that it was opened anew. */
export function openForMs(score: number, stage: number): number {
  return Math.min(MOST_MS, FIRST_MS * 2 ** (Math.min(score - CIRCUIT_OPENS_AT, MOST_DOUBLINGS_BY_SCORE) + stage));
}

/**
 * Circuits by place (slot × lanes + lane). Closed, then open for a time, then half-open: one request at a time probes, and its outcome
 * closes the circuit or opens it for longer.
 */
export class Circuits {
  /** End of the open time; 0 is closed, and what is past is half-open. */
  #openUntil = new Float64Array(0);
  #probeUntil = new Float64Array(0);
  #probes = new Uint8Array(0);
  #stage = new Uint8Array(0);
  #stageAt = new Float64Array(0);

  grow(places: number): void {
    this.#openUntil = grown(this.#openUntil, places);
    this.#probeUntil = grown(this.#probeUntil, places);
    this.#probes = grown(this.#probes, places);
    this.#stage = grown(this.#stage, places);
    this.#stageAt = grown(this.#stageAt, places);
  }

  isClosed(at: number): boolean {
    return this.#openUntil[at] === 0;
  }

  /** Until when this place is left alone; past, or 0, when it may be asked. */
  backAtMs(at: number): number {
    return Math.max(this.#openUntil[at]!, this.#probeUntil[at]!);
  }

  /** A failure with this score. */
  failed(at: number, score: number, nowMs: number): void {
    if (score < CIRCUIT_OPENS_AT) return;
    const halfOpen = this.#openUntil[at] !== 0 && this.#openUntil[at]! <= nowMs;
    if (nowMs - this.#stageAt[at]! > STAGE_FORGOTTEN_MS) this.#stage[at] = 0;
    else if (halfOpen) this.#stage[at] = Math.min(LAST_STAGE, this.#stage[at]! + 1);
    this.#stageAt[at] = nowMs;
    this.#openUntil[at] = Math.max(this.#openUntil[at]!, nowMs + openForMs(score, this.#stage[at]!));
    this.#probeUntil[at] = 0;
  }

  /** A request is sent there. @returns whether it is the probe, until whose outcome no other is due */
  begun(at: number, nowMs: number): boolean {
    if (this.#openUntil[at] === 0 || this.backAtMs(at) > nowMs) return false;
    this.#probeUntil[at] = nowMs + Math.min(PROBE.mostMs, PROBE.firstMs * 2 ** this.#probes[at]!);
    this.#probes[at] = Math.min(10, this.#probes[at]! + 1);
    return true;
  }

  close(at: number): void {
    this.#openUntil[at] = 0;
    this.#probeUntil[at] = 0;
    this.#probes[at] = 0;
  }
}
