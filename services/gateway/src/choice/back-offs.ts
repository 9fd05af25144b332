import { grown } from './grown.ts';

/** Why an account is being left alone for a while. A closed list: it labels metrics and decisions. */
export const BACKOFF_REASONS = ['transport', 'server_error', 'overload', 'quota', 'model_quota', 'auth', 'forbidden'] as const;
export type BackoffReason = (typeof BACKOFF_REASONS)[number];
/** Those for which an account is left alone whatever it is asked for, and for a time that grows. A quota has blocks instead. */
export type DeferringReason = Exclude<BackoffReason, 'quota' | 'model_quota'>;

/** First wait and longest wait, milliseconds; doubled with each failure in a row (product section 3). */
const BACKOFF_MS: Readonly<Record<DeferringReason, { readonly first: number; readonly most: number }>> = {
  transport: { first: 15_000, most: 120_000 },
  server_error: { first: 20_000, most: 20_000 },
  overload: { first: 3_000, most: 3_000 },
  auth: { first: 20_000, most: 600_000 },
  forbidden: { first: 20_000, most: 600_000 },
};

/** Back-offs by place (slot × lanes + lane). A back-off defers, it never refuses. */
export class BackOffs {
  #until = new Float64Array(0);
  #failures = new Uint8Array(0);
  readonly #reasons: (BackoffReason | null)[] = [];

  grow(places: number): void {
    this.#until = grown(this.#until, places);
    this.#failures = grown(this.#failures, places);
  }

  /** @param untilMs  Monotonic time that the upstream itself named, if any; it wins over the table. */
  failed(at: number, reason: DeferringReason, nowMs: number, untilMs: number | null): void {
    const { first, most } = BACKOFF_MS[reason];
    const row = this.#failures[at]!;
    this.#failures[at] = Math.min(30, row + 1);
    this.#until[at] = untilMs ?? nowMs + Math.min(most, first * 2 ** row);
    this.#reasons[at] = reason;
  }

  clear(at: number): void {
    this.#until[at] = 0;
    this.#failures[at] = 0;
    this.#reasons[at] = null;
  }

  /** Whether there has been no failure since the last success. */
  isClear(at: number): boolean {
    return this.#failures[at] === 0;
  }

  /** Monotonic milliseconds; 0 or past when there is none. */
  untilMs(at: number): number {
    return this.#until[at]!;
  }

  reason(at: number): BackoffReason | null {
    return this.#reasons[at] ?? null;
  }
}
