/** A command that was written wrongly: exit code 2. The message is one sentence that says what to write instead. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UsageError';
  }
}

/** A command that was understood and cannot be done: exit code 1. */
export class CommandRefusal extends Error {
  /** For `--json`; snake_case. */
  readonly code: string;
  readonly remedy: string;

  constructor(code: string, message: string, remedy: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'CommandRefusal';
    this.code = code;
    this.remedy = remedy;
  }
}
