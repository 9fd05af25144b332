/** Keeps account of what happens in the order in which it does. */
export interface Clock {
  place(): number;
  changed(): void;
}

/** The client of one request: it writes down all that it gets, reads when it is told to, and may leave. */
export interface Client {
  /** @param how  `close`: with a word of goodbye, where the transport has one */
  leave(how: 'close' | 'cut'): void;
  /** Stops reading behind what tells it that an answer has begun. */
  pause(): void;
  resume(): void;
}
