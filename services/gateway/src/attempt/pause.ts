/** Runs something once after that many milliseconds. @returns what calls it off */
export type After = (ms: number, run: () => void) => () => void;

/** A wait that can be cut short: an exchange holds it in the place of a call, so that a client's leaving ends it at once. */
export class Pause {
  /** Resolves when the time is over or the wait was aborted. */
  readonly over: Promise<void>;
  #end!: () => void;
  readonly #callOff: () => void;

  constructor(ms: number, after: After) {
    this.over = new Promise((resolve) => (this.#end = resolve));
    this.#callOff = after(ms, this.#end);
  }

  abort(): void {
    this.#callOff();
    this.#end();
  }
}
