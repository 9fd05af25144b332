/** A start that cannot go on for a reason that its operator can mend; the message says which and how. */
export class StartRefusal extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'StartRefusal';
  }
}
