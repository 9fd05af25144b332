import { setImmediate as turn } from 'node:timers/promises';

/** A clock that stands still until it is told to go on. */
export interface FakeClock {
  /** Milliseconds. */
  now(): number;
  /** Runs once when the clock has gone on by `ms`. @returns what calls it off. */
  after(ms: number, run: () => void): () => void;
  /** Goes on by `ms`, running what falls due in order, each with the clock at its own time and its promises settled before the next. */
  advance(ms: number): Promise<void>;
  /** How many things wait for their time; 0 when nothing was left behind. */
  readonly pending: number;
}

export function fakeClock(startMs = 0): FakeClock {
  let nowMs = startMs;
  let made = 0;
  const due = new Map<number, { readonly at: number; readonly run: () => void }>();

  const next = (untilMs: number): number | undefined => {
    let first: number | undefined;
    for (const [id, { at }] of due) if (at <= untilMs && (first === undefined || at < due.get(first)!.at)) first = id;
    return first;
  };

  return {
    now: () => nowMs,
    after(ms, run) {
      const id = made++;
      due.set(id, { at: nowMs + Math.max(0, ms), run });
      return () => void due.delete(id);
    },
    async advance(ms) {
      const untilMs = nowMs + ms;
      await turn();
      for (let id = next(untilMs); id !== undefined; id = next(untilMs)) {
        const { at, run } = due.get(id)!;
        due.delete(id);
        nowMs = Math.max(nowMs, at);
        run();
        await turn();
      }
      nowMs = untilMs;
    },
    get pending() {
      return due.size;
    },
  };
}
