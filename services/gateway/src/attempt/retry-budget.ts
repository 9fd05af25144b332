/** Retries in progress that are always allowed, however few requests there are. */
const FLOOR = 3;
/** Retries of the floor that may be had on credit, enough for any one request, and how many of them come back each second. */
const MAX_DEBT = 24;
const PAID_BACK_A_SECOND = 3;
/** Share that retries may be of the active requests, and of all requests over time. */
const SHARE = 0.2;

/**
 * Attempts beyond the first, over the whole process: when every account fails, this is what keeps the trouble from being multiplied. Two
 * bounds, because either alone can be got round: no more in progress than a fifth of the active requests, which bounds a burst; and no more
 * over time than a fifth of all requests, because retries that fail quickly would else go round as often as they like.
 * @see product section 2, fault row A16
 */
export class RetryBudget {
  readonly #activeRequests: () => number;
  readonly #nowMs: () => number;
  #taken = 0;
  /** Retries that the requests so far have earned. Below nothing it comes back by itself, so that a quiet server can always retry. */
  #credit = 0;
  #takenAtMs = 0;
  #refused = 0;

  /** @param activeRequests  Requests in progress now, those in a retry among them. */
  constructor(activeRequests: () => number, nowMs: () => number) {
    this.#activeRequests = activeRequests;
    this.#nowMs = nowMs;
  }

  /** Retries in progress. */
  get taken(): number {
    return this.#taken;
  }

  /** Retries that were not to be had since the start. */
  get refused(): number {
    return this.#refused;
  }

  /** Counts a request. What a long calm has earned is no more than one burst may use. */
  earn(): void {
    const credit = this.#credit + SHARE;
    this.#credit = credit <= FLOOR ? credit : Math.min(credit, Math.max(FLOOR, SHARE * this.#activeRequests()));
  }

  /** @returns false when there is none left; else it is the caller's to give back */
  take(): boolean {
    const nowMs = this.#nowMs();
    if (this.#credit < 0) this.#credit = Math.min(0, this.#credit + ((nowMs - this.#takenAtMs) * PAID_BACK_A_SECOND) / 1_000);
    this.#takenAtMs = nowMs;
    const isFloor = this.#taken < FLOOR;
    if (isFloor ? this.#credit - 1 < -MAX_DEBT : this.#credit < 1 || this.#taken + 1 > SHARE * this.#activeRequests()) {
      this.#refused++;
      return false;
    }
    this.#taken++;
    this.#credit--;
    return true;
  }

  release(): void {
    this.#taken--;
  }
}
