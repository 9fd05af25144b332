/** A stream that a command writes to. */
export interface Output {
  write(text: string): unknown;
  /** Whether a person looks at it. */
  readonly isTTY?: boolean;
}

/** What a command may touch of its process. */
export interface Cli {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Results only: what a script reads. */
  readonly out: Output;
  /** Progress, warnings and errors. */
  readonly err: Output;
  readonly input: AsyncIterable<Uint8Array | string> & { readonly isTTY?: boolean };
  /** Where SIGINT and SIGTERM arrive. */
  readonly signals: NodeJS.EventEmitter;
}
