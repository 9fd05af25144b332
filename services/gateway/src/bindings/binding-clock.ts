interface BindingClockParts {
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
  /** Epoch milliseconds; may jump. */
  readonly wallClockMs: () => number;
}

/** How fast a clock that is behind is put right: at twice the pace of time, so that a wrong jump does little before it is mended. */
const PACE = 2;

/**
 * By what bindings are stamped, and by what they grow old. Neither ever jumps, for a wall clock may be set wrong and right again, and a machine
 * may sleep: that must not end conversations at once, neither now nor at the next start (fault row C10).
 */
export class BindingClock {
  readonly #parts: BindingClockParts;
  /** The stamping clock before the monotonic one. */
  #aheadMs: number;
  /** The ageing clock when it was looked at last. */
  #agedMs: number;
  #tickedMs: number;

  constructor(parts: BindingClockParts) {
    this.#parts = parts;
    this.#agedMs = parts.wallClockMs();
    this.#tickedMs = parts.nowMs();
    this.#aheadMs = this.#agedMs - this.#tickedMs;
  }

  /** Epoch seconds to stamp with: the wall clock as it was at the start, and slowly as it is. It is never put back. */
  nowS(): number {
    return Math.floor((this.#parts.nowMs() + this.#aheadMs) / 1_000);
  }

  /** Epoch seconds to reckon ages by: never ahead of `nowS`, and behind it for a while after a start from old stamps. */
  agedS(): number {
    return Math.floor(this.#agedAtMs(this.#parts.nowMs()) / 1_000);
  }

  /** What was stored was used last at this moment. Time that no server has counted, or a clock that was behind then, makes nothing older at once. */
  resume(lastUsedS: number): void {
    this.#agedMs = Math.min(this.#agedMs, lastUsedS * 1_000);
  }

  /** Follows the wall clock where that is ahead; to be called once a second. */
  tick(): void {
    const nowMs = this.#parts.nowMs();
    const passedMs = nowMs - this.#tickedMs;
    const behindMs = this.#parts.wallClockMs() - (nowMs + this.#aheadMs);
    if (behindMs > 0) this.#aheadMs += Math.min(behindMs, passedMs * (PACE - 1));
    this.#agedMs = this.#agedAtMs(nowMs);
    this.#tickedMs = nowMs;
  }

  #agedAtMs(nowMs: number): number {
    return Math.min(nowMs + this.#aheadMs, this.#agedMs + (nowMs - this.#tickedMs) * PACE);
  }
}
