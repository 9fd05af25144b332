/** Foreseen trouble on the way to a running task: what happened and where, then what to do about it. Printed without a stack. */
export class Refusal extends Error {
  /**
   * @param {string} problem  One sentence that names the place.
   * @param {string} remedy   What the reader does next.
   */
  constructor(problem, remedy) {
    super(`${problem}\n${remedy}`);
    this.name = 'Refusal';
    this.problem = problem;
    this.remedy = remedy;
  }
}

/** A signal ended a child that we were waiting for; the boot ends the same way once its lock is released. */
export class Interrupted extends Error {
  /** @param {NodeJS.Signals} signal */
  constructor(signal) {
    super(`interrupted by ${signal}`);
    this.name = 'Interrupted';
    this.signal = signal;
  }
}
