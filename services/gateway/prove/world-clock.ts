/** The clocks of a world, and the one order of all that happens in it. */
export class WorldClock {
  #places = 0;
  #skippedMs = 0;
  #wallMs = 0;

  /** The place of something that has just happened. */
  place(): number {
    return ++this.#places;
  }

  nowMs = (): number => performance.now() + this.#skippedMs;

  wallClockMs = (): number => Date.now() + this.#skippedMs + this.#wallMs;

  /** Lets time go by at once, on both clocks. */
  skip(ms: number): void {
    this.#skippedMs += ms;
  }

  /** Sets the wall clock alone, to so much ahead of the other one. */
  setWall(ms: number): void {
    this.#wallMs = ms;
  }

  /** Sets both right. */
  reset(): void {
    this.#skippedMs = 0;
    this.#wallMs = 0;
  }
}
