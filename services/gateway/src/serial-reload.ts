/** Reads something anew when asked to, one reading at a time. */
export interface SerialReload {
  /**
   * Asks for a reading that begins after this call; those who ask while one is running share the next.
   * @returns settles with that reading. A failure is repeated until one succeeds, but whoever asked is told of the first.
   */
  request(): Promise<void>;
  /** Ends the repeating and waits for a reading that is running. What is asked for later does nothing. */
  close(): Promise<void>;
}

export interface SerialReloadOptions {
  /** One reading. It must settle only when all that it began has ended, or an older one could still replace what a newer one found. */
  readonly load: () => Promise<void>;
  readonly onFailure: (error: unknown, about: { readonly pauseMs: number }) => void;
  /** Calls once after `ms`. @returns what cancels it */
  readonly after?: (ms: number, call: () => void) => () => void;
}

const PAUSE_MS = { first: 500, most: 5_000 };

/** Keeps what is in memory from going back to an older reading, and from staying old because one reading failed. */
export function serialReload({ load, onFailure, after = afterUnref }: SerialReloadOptions): SerialReload {
  let running: Promise<void> | null = null;
  let next: Promise<void> | null = null;
  let cancelRetry: (() => void) | null = null;
  let pauseMs = 0; // after the last failure; 0 while all is well
  let closed = false;

  const read = async (): Promise<void> => {
    cancelRetry?.();
    cancelRetry = null;
    if (closed) return;
    try {
      await load();
      pauseMs = 0;
    } catch (error) {
      pauseMs = Math.min(PAUSE_MS.most, pauseMs * 2 || PAUSE_MS.first);
      onFailure(error, { pauseMs });
      // One that was asked for meanwhile is the repetition.
      if (!closed && next === null) cancelRetry = after(pauseMs, () => void request().catch(() => {}));
      throw error;
    } finally {
      running = null;
    }
  };

  const start = (): Promise<void> => (running = read());

  const request = (): Promise<void> => {
    if (running === null) return start();
    next ??= running
      .catch(() => {})
      .then(() => {
        next = null;
        return start();
      });
    return next;
  };

  return {
    request,
    async close() {
      closed = true;
      cancelRetry?.();
      cancelRetry = null;
      await Promise.allSettled([running, next]);
    },
  };
}

function afterUnref(ms: number, call: () => void): () => void {
  const timer = setTimeout(call, ms);
  timer.unref();
  return () => clearTimeout(timer);
}
