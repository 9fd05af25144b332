import { SwitchyardError } from '@switchyard/contracts';

/** What group commits need of time; a fake one makes them testable. */
export interface GroupCommitClock {
  /** Milliseconds that never run backwards. */
  now(): number;
  /** Calls once after `ms`. @returns what cancels it. */
  after(ms: number, call: () => void): () => void;
}

export interface GroupCommitOptions<T> {
  /**
   * Makes a batch durable, all of it or nothing. After a failure it is called again with the same items, also when only the answer was
   * lost: let the statement tolerate rows that are there already.
   */
  readonly write: (batch: readonly T[]) => Promise<void>;
  /** Longest that an item waits for company before its batch is due. */
  readonly delayMs: number;
  readonly maxBatch: number;
  /** Items held at most, those being written included. When full, what is added is dropped, so that the older ones keep their order. */
  readonly maxQueued: number;
  readonly onFailure: (error: unknown, about: { readonly queued: number; readonly backoffMs: number }) => void;
  /** An item that is given up: `full`, `closed`, or `refused` by the database for what it holds. */
  readonly onDropped: (item: T, why: 'full' | 'closed' | 'refused', error?: unknown) => void;
  readonly clock?: GroupCommitClock;
}

/** A queue that writes behind in batches, one at a time. */
export interface GroupCommit<T> {
  /** A push, and at most one timer. @returns false when the item was dropped. */
  add(item: T): boolean;
  /** Resolves once all that was added before is durable, and hurries it; rejects when closing gave it up. */
  committed(): Promise<void>;
  /** Cuts a back-off short: there is a sign that the next try will do. */
  tryNow(): void;
  /** Items not yet durable. */
  readonly queued: number;
  /** Writes what is left. @returns how many items were lost because the database did not take them within the deadline. */
  close(deadlineMs: number): Promise<number>;
}

const BACKOFF_MS = { first: 250, most: 5_000 };

const systemClock: GroupCommitClock = {
  now: () => performance.now(),
  after(ms, call) {
    const timer = setTimeout(call, ms);
    return () => clearTimeout(timer);
  },
};

/**
 * A batch starts when its first item has waited `delayMs`, when it is full, or at once when somebody waits for it; never while another
 * is being written. A failed one is tried again, 250 ms to 5 s apart, and its items are kept meanwhile. A batch whose content the database
 * refuses is halved until the one bad item is found and dropped: no row can hold up the rest for ever.
 * @see architecture 4: group commits of at most 5 ms
 */
export function groupCommit<T>(options: GroupCommitOptions<T>): GroupCommit<T> {
  const { write, delayMs, maxBatch, maxQueued, onFailure, onDropped, clock = systemClock } = options;
  const waiters: Waiter[] = [];
  let waiting: T[] = [];
  let inFlight: readonly T[] = [];
  let settled = 0; // items, counted from the first ever, that are durable or given up
  let dueAt = 0; // of the first waiting item
  let backoffMs = 0; // of the last failure; 0 while all is well
  let resting = false; // between a failure and the next try
  let batchLimit = maxBatch;
  let cancelTimer: (() => void) | null = null;
  let state: 'open' | 'closing' | 'closed' = 'open';
  let onEmpty: (() => void) | null = null;

  const queued = (): number => inFlight.length + waiting.length;

  /** Starts a batch or its timer, unless one of them is under way. */
  const schedule = (): void => {
    if (inFlight.length > 0 || resting || state === 'closed') return;
    if (waiting.length === 0) return onEmpty?.();
    const hurried = waiters.length > 0 || waiting.length >= batchLimit || state === 'closing';
    const waitMs = hurried ? 0 : dueAt - clock.now();
    if (waitMs <= 0) void writeBatch();
    else if (!cancelTimer) wake(waitMs);
  };

  const wake = (ms: number): void => {
    cancelTimer = clock.after(ms, () => {
      cancelTimer = null;
      void writeBatch();
    });
  };

  const writeBatch = async (): Promise<void> => {
    cancelTimer?.();
    cancelTimer = null;
    resting = false;
    inFlight = waiting.splice(0, batchLimit);
    try {
      await write(inFlight);
      backoffMs = 0;
      batchLimit = Math.min(maxBatch, batchLimit * 2);
      settle();
    } catch (error) {
      retry(error);
    }
    schedule();
  };

  const settle = (): void => {
    settled += inFlight.length;
    inFlight = [];
    while (waiters.length > 0 && waiters[0]!.upTo <= settled) waiters.shift()!.resolve();
  };

  const retry = (error: unknown): void => {
    const refused = isRefusedForContent(error);
    if (refused && inFlight.length === 1) {
      onDropped(inFlight[0]!, 'refused', error);
      batchLimit = maxBatch;
      backoffMs = 0;
      return settle();
    }
    if (refused) batchLimit = Math.ceil(inFlight.length / 2);
    waiting = [...inFlight, ...waiting];
    inFlight = [];
    if (refused || state === 'closed') return;
    backoffMs = Math.min(BACKOFF_MS.most, backoffMs * 2 || BACKOFF_MS.first);
    onFailure(error, { queued: waiting.length, backoffMs });
    resting = true;
    wake(backoffMs);
  };

  return {
    add(item) {
      if (state !== 'open' || queued() >= maxQueued) {
        onDropped(item, state === 'open' ? 'full' : 'closed');
        return false;
      }
      if (waiting.push(item) === 1) dueAt = clock.now() + delayMs;
      if (!cancelTimer || waiting.length >= batchLimit) schedule();
      return true;
    },
    committed() {
      if (queued() === 0) return Promise.resolve();
      const promise = new Promise<void>((resolve, reject) => waiters.push({ upTo: settled + queued(), resolve, reject }));
      schedule();
      return promise;
    },
    tryNow() {
      if (resting) void writeBatch();
    },
    get queued() {
      return queued();
    },
    async close(deadlineMs) {
      if (state !== 'open') return queued();
      state = 'closing';
      await new Promise<void>((resolve) => {
        const cancelDeadline = clock.after(deadlineMs, resolve);
        onEmpty = () => {
          cancelDeadline();
          resolve();
        };
        resting = false; // a back-off is cut short: this is the last chance
        schedule();
      });
      state = 'closed';
      cancelTimer?.();
      const lost = new SwitchyardError('database_unavailable', `writing behind was ended with ${queued()} rows not yet durable`);
      for (const waiter of waiters.splice(0)) waiter.reject(lost);
      return queued();
    },
  };
}

interface Waiter {
  readonly upTo: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** SQLSTATE classes 22 (data), 23 (constraints) and 54 (limits of the program, such as a key too long for its index): the same rows would be refused every time. */
function isRefusedForContent(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && /^(?:2[23]|54).{3}$/.test(code);
}
