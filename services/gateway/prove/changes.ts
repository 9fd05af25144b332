/** Longest that something may take to come about: far beyond what any wait of the gateway lasts here. */
export const REST_MS = 30_000;

/** Those who wait for something, with what has not come about in time. */
export class Changes {
  /** Of the case. */
  stuck: string[] = [];
  readonly #waiting = new Set<() => void>();

  changed(): void {
    for (const wake of this.#waiting) wake();
  }

  /** Waits until something holds; what does not for too long is written down. */
  async until(holds: () => boolean, otherwise: () => string): Promise<void> {
    if (holds()) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const look = (): void => {
      if (holds()) resolve();
    };
    const timer = setTimeout(() => {
      this.stuck.push(otherwise());
      resolve();
    }, REST_MS);
    this.#waiting.add(look);
    await promise;
    clearTimeout(timer);
    this.#waiting.delete(look);
  }
}
