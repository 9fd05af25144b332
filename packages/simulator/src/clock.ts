/** The time seam. `after` runs something once and gives the way to call it off. */
export interface Clock {
  /** Epoch milliseconds. */
  now(): number;
  after(ms: number, run: () => void): () => void;
}

export const systemClock: Clock = {
  now: Date.now,
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};
