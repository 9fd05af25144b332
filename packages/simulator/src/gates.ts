/** Named gates that hold answers back until a test lets them go. A released gate stays open until `close`. */
export class Gates {
  readonly #open = new Set<string>();
  readonly #waiting = new Map<string, Set<() => void>>();

  /** Runs `pass` once the gate is open; returns the way to stop waiting. */
  wait(name: string, pass: () => void): () => void {
    if (this.#open.has(name)) {
      pass();
      return () => {};
    }
    const waiting = this.#waiting.get(name) ?? new Set();
    this.#waiting.set(name, waiting.add(pass));
    return () => waiting.delete(pass);
  }

  release(name: string): void {
    this.#open.add(name);
    const waiting = this.#waiting.get(name);
    this.#waiting.delete(name);
    for (const pass of waiting ?? []) pass();
  }

  /** Shuts every gate again. Those who wait go on waiting. */
  close(): void {
    this.#open.clear();
  }
}
