/** A wall clock that is set right by less says nothing. */
const SET_BACK_MS = 2_000;

/**
 * Finds out that the wall clock has been set back, by what the monotonic one says. One that was set forward, or a machine that has slept, ends
 * blocks early at most; the next refusal mends that.
 */
export class WallClockWatch {
  /** How far the wall clock is ahead of the other one. */
  #aheadMs: number;

  constructor(nowMs: number, wallMs: number) {
    this.#aheadMs = wallMs - nowMs;
  }

  /** @returns by how many milliseconds it was set back since it was last looked at; 0 when it was not */
  setBackMs(nowMs: number, wallMs: number): number {
    const aheadMs = wallMs - nowMs;
    const byMs = this.#aheadMs - aheadMs;
    const isSetBack = byMs > SET_BACK_MS;
    if (isSetBack || byMs < 0) this.#aheadMs = aheadMs;
    return isSetBack ? byMs : 0;
  }
}
