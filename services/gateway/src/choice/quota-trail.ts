const EVERY_MS = 300_000;
const KEPT = 12;
const HOUR_MS = 3_600_000;
/** What is used falls by less than this without a reset, since some readings are rounded and others are not. */
const ROUNDING = 1;

interface Point {
  readonly atMs: number;
  readonly usedPercent: number;
}

/**
 * How one window of a quota was used up: at most 12 points, five minutes apart, since its last reset. Wall clock, milliseconds.
 * @see product section 3
 */
export class QuotaTrail {
  readonly #points: Point[] = [];
  #usedPercent = 0;
  #resetAtMs = Infinity;

  /** Takes a reading, in the order of time. */
  note({ usedPercent, resetAtMs }: { readonly usedPercent: number; readonly resetAtMs: number }, atMs: number): void {
    if (atMs >= this.#resetAtMs || usedPercent < this.#usedPercent - ROUNDING) this.#points.length = 0;
    this.#usedPercent = usedPercent;
    this.#resetAtMs = resetAtMs;
    const last = this.#points.at(-1);
    if (last !== undefined && atMs - last.atMs < EVERY_MS) return;
    if (this.#points.length === KEPT) this.#points.shift();
    this.#points.push({ atMs, usedPercent });
  }

  /**
   * Percent of the window by millisecond over the last hour, or over as much of it as there are readings of; time in which nothing was heard is
   * time in which nothing was used. Null when the first reading is not five minutes old.
   */
  pace(nowMs: number): number | null {
    if (nowMs >= this.#resetAtMs) return 0;
    const from = this.#points.find(({ atMs }) => nowMs - atMs <= HOUR_MS) ?? this.#points.at(-1);
    if (from === undefined || nowMs - from.atMs < EVERY_MS) return null;
    return Math.max(0, this.#usedPercent - from.usedPercent) / (nowMs - from.atMs);
  }
}
