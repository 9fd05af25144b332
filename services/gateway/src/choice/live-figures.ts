/** Why an account is being left alone for a while. A closed list: it labels metrics and decisions. */
export const BACKOFF_REASONS = ['transport', 'server_error', 'overload', 'quota', 'auth', 'forbidden'] as const;
export type BackoffReason = (typeof BACKOFF_REASONS)[number];

/** First wait and longest wait of each reason, milliseconds; doubled with each failure in a row (product section 3). */
const BACKOFF_MS: Readonly<Record<BackoffReason, { readonly first: number; readonly most: number }>> = {
  transport: { first: 15_000, most: 120_000 },
  server_error: { first: 20_000, most: 120_000 },
  overload: { first: 3_000, most: 48_000 },
  quota: { first: 300_000, most: 300_000 },
  auth: { first: 20_000, most: 600_000 },
  forbidden: { first: 20_000, most: 600_000 },
};

/**
 * What changes from request to request, in typed arrays by account slot: nothing is allocated or copied for a choice.
 * Slots are handed out once per account id and kept while the process lives.
 */
export class LiveFigures {
  #inFlight = new Int32Array(64);
  #failures = new Int32Array(64);
  #backoffUntil = new Float64Array(64);
  #lastChosen = new Float64Array(64);
  readonly #reasons: (BackoffReason | null)[] = [];
  readonly #slots = new Map<string, number>();
  #choices = 0;
  #total = 0;

  slotOf(accountId: string): number {
    const known = this.#slots.get(accountId);
    if (known !== undefined) return known;
    const slot = this.#slots.size;
    this.#slots.set(accountId, slot);
    if (slot >= this.#inFlight.length) this.#grow();
    this.#reasons[slot] = null;
    return slot;
  }

  /** Attempts in progress over all accounts. */
  get totalInFlight(): number {
    return this.#total;
  }

  inFlight(slot: number): number {
    return this.#inFlight[slot]!;
  }

  /** Turn counter at which this account was last chosen; 0 is never. */
  lastChosen(slot: number): number {
    return this.#lastChosen[slot]!;
  }

  /** Monotonic milliseconds until which the account is left alone; 0 when it is not. */
  backoffUntil(slot: number): number {
    return this.#backoffUntil[slot]!;
  }

  backoffReason(slot: number): BackoffReason | null {
    return this.#reasons[slot]!;
  }

  begin(slot: number): void {
    this.#inFlight[slot]!++;
    this.#total++;
    this.#lastChosen[slot] = ++this.#choices;
  }

  finish(slot: number): void {
    this.#inFlight[slot]!--;
    this.#total--;
  }

  succeeded(slot: number): void {
    this.#failures[slot] = 0;
    this.#backoffUntil[slot] = 0;
    this.#reasons[slot] = null;
  }

  /**
   * @param nowMs    Monotonic clock.
   * @param untilMs  Monotonic time that the upstream itself named, if any; it wins over the table.
   */
  failed(slot: number, reason: BackoffReason, nowMs: number, untilMs: number | null): void {
    const { first, most } = BACKOFF_MS[reason];
    const row = Math.min(this.#failures[slot]!++, 30);
    this.#backoffUntil[slot] = untilMs ?? nowMs + Math.min(most, first * 2 ** row);
    this.#reasons[slot] = reason;
  }

  #grow(): void {
    const size = this.#inFlight.length * 2;
    const grown = <T extends Int32Array | Float64Array>(old: T, made: T): T => {
      made.set(old as never);
      return made;
    };
    this.#inFlight = grown(this.#inFlight, new Int32Array(size));
    this.#failures = grown(this.#failures, new Int32Array(size));
    this.#backoffUntil = grown(this.#backoffUntil, new Float64Array(size));
    this.#lastChosen = grown(this.#lastChosen, new Float64Array(size));
  }
}
