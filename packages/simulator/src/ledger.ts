import type { Counters, Entry, Outcome, Received, Tally } from './received.ts';

const KEPT_BODY_BYTES = 64 * 1024 * 1024;
const MOST_ROUTES = 200;

type Figures = { -readonly [Name in keyof Tally]: Tally[Name] };
const COLUMN = { open: 'open', completed: 'completed', aborted_by_client: 'aborted', cut: 'cut' } as const satisfies Record<Outcome, keyof Tally>;

/** What a simulator received: exact counters, and the newest requests in full (`keep` of them, bodies of at most 64 MiB together). */
export class Ledger {
  readonly #keep: number;
  #entries: Entry[] = [];
  #bodyBytes = 0;
  #all = noFigures();
  #byRoute = new Map<string, Figures>();
  #watchers = new Set<() => void>();
  #ids = 0;
  #firstCounted = 1;

  constructor(keep: number) {
    this.#keep = keep;
  }

  /** Whether a request's head and body are worth the trouble of recording. */
  get records(): boolean {
    return this.#keep > 0;
  }

  nextId(): number {
    this.#ids += 1;
    return this.#ids;
  }

  /** Forgets everything; requests that are still open are no longer counted. */
  reset(): void {
    this.#entries = [];
    this.#bodyBytes = 0;
    this.#all = noFigures();
    this.#byRoute = new Map();
    this.#firstCounted = this.#ids + 1;
    this.#changed();
  }

  open(entry: Entry): void {
    if (!this.#byRoute.has(entry.route) && this.#byRoute.size >= MOST_ROUTES) entry.route = 'other';
    for (const figures of this.#figuresOf(entry.route)) {
      figures.received += 1;
      figures.open += 1;
    }
    if (this.#keep > 0) this.#entries.push(entry);
    // Trimmed in blocks, so that a long run does not shift the whole list for every request.
    if (this.#entries.length > 2 * this.#keep) {
      for (const old of this.#entries.splice(0, this.#entries.length - this.#keep)) this.#dropBody(old);
    }
    this.#changed();
  }

  /** Keeps a body, and lets go of the oldest ones when all together are too many bytes. */
  keepBody(entry: Entry, body: Buffer): void {
    entry.body = body;
    this.#bodyBytes += body.length;
    for (const old of this.#entries) {
      if (this.#bodyBytes <= KEPT_BODY_BYTES) break;
      this.#dropBody(old);
    }
    this.#changed();
  }

  /** Ends a request. Only the first call counts. */
  settle(entry: Entry, outcome: Exclude<Outcome, 'open'>, nowMs: number): void {
    if (entry.outcome !== 'open') return;
    entry.outcome = outcome;
    entry.endedMs = nowMs;
    // A request from before a reset is no longer in the figures.
    if (entry.id >= this.#firstCounted) {
      for (const figures of this.#figuresOf(entry.route)) {
        figures.open -= 1;
        figures[COLUMN[outcome]] += 1;
      }
    }
    this.#changed();
  }

  received(full: boolean): readonly Received[] {
    return this.#entries.slice(-this.#keep || undefined).map((entry) => entry.view(full));
  }

  counters(): Omit<Counters, 'sockets'> {
    return { ...this.#all, byPath: Object.fromEntries([...this.#byRoute].map(([route, figures]) => [route, { ...figures }])) };
  }

  /** Resolves once `reached` holds; it is asked again after each change. */
  async until(reached: () => boolean): Promise<void> {
    if (reached()) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const watch = (): void => {
      if (!reached()) return;
      this.#watchers.delete(watch);
      resolve();
    };
    this.#watchers.add(watch);
    await promise;
  }

  /** Tells those who wait that something beside the requests has changed. */
  changed(): void {
    this.#changed();
  }

  #dropBody(entry: Entry): void {
    this.#bodyBytes -= entry.body?.length ?? 0;
    entry.body = null;
  }

  #changed(): void {
    for (const watch of this.#watchers) watch();
  }

  #figuresOf(route: string): readonly Figures[] {
    let figures = this.#byRoute.get(route);
    if (figures === undefined) this.#byRoute.set(route, (figures = noFigures()));
    return [this.#all, figures];
  }
}

function noFigures(): Figures {
  return { received: 0, open: 0, completed: 0, aborted: 0, cut: 0 };
}
