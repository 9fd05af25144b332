import type { Database, GroupCommit } from '@switchyard/database';
import { groupCommit } from '@switchyard/database';
import type { Logger } from '@switchyard/observability';
import type { BindingRow, BindingStore } from '../bindings/bindings.ts';
import type { Taken } from '../exchange.ts';
import type { GatewayMetrics } from '../metrics.ts';
import { findBindings } from '../store/bindings.ts';
import { writeJournal } from '../store/write-journal.ts';
import { requestRow } from './request-row.ts';
import type { RequestRow } from './request-row.ts';

/** A place in the queue of requests that may get an open row; it lets go of its request when that ends first. */
export interface OpenTicket {
  exchange: Taken | null;
  /** Monotonic milliseconds at which the row is due. */
  readonly dueMs: number;
}

type Item = RequestRow | BindingRow;

type JournalDatabase = Pick<Database, 'pool' | 'isAvailable' | 'onAvailability'>;

/**
 * A request still running after this gets an open row, so that a crash cannot hide it. Shorter ones are written once, at their end; and
 * nothing in a queue keeps their sockets and buffers alive (that cost 30 µs of garbage collection a request).
 */
const OPEN_AFTER_MS = 50;
/** Longest that a row waits for company while no answer waits for it; a binding is written at once, and takes along what is there. */
const DELAY_MS = 5;
const MAX_BATCH = 2_000;
/** About 100 MB of rows; beyond that the newest are dropped and counted. */
export const MAX_QUEUED = 100_000;

/** Everything that the hot path leaves behind, written in group commits: a row per request, and bindings. */
export class Journal implements BindingStore {
  readonly #database: JournalDatabase;
  readonly #instanceId: string;
  readonly #commits: GroupCommit<Item>;
  readonly #nowMs: () => number;
  readonly #tickets: OpenTicket[] = [];
  readonly #onBound: (rows: readonly BindingRow[]) => void;
  readonly #writeBatch: typeof writeJournal;
  readonly #endWatch: () => void;
  #timer: NodeJS.Timeout | null = null;
  #lost = 0;
  /** Whether other processes on the database are to be told what is bound. */
  tellsOthers = false;

  /**
   * @param onBound  Told of bindings that the database has otherwise than they were written.
   * @param write    How a batch is written; `writeJournal` but where it is to fail on purpose.
   */
  constructor(
    database: JournalDatabase,
    instanceId: string,
    metrics: GatewayMetrics,
    log: Logger,
    nowMs: () => number,
    onBound: (rows: readonly BindingRow[]) => void,
    write: typeof writeJournal = writeJournal,
  ) {
    this.#writeBatch = write;
    this.#onBound = onBound;
    this.#database = database;
    this.#instanceId = instanceId;
    this.#nowMs = nowMs;
    this.#commits = groupCommit<Item>({
      write: (batch) => this.#write(batch),
      delayMs: DELAY_MS,
      maxBatch: MAX_BATCH,
      maxQueued: MAX_QUEUED,
      onFailure: (error, { queued, backoffMs }) =>
        log.warn('journal_retried', 'The request log could not be written; it will be tried again', { error, queued, backoff_ms: backoffMs }),
      onDropped: (_item, why, error) => {
        this.#lost++;
        metrics.switchyard_journal_dropped_total.inc();
        if (why === 'refused') log.error('journal_row_refused', 'The database refused a row of the request log; it was dropped', { error });
      },
    });
    // From then on answers wait for their bindings again, and those that went on without have theirs.
    this.#endWatch = database.onAvailability((isBack) => isBack && this.#commits.tryNow());
  }

  /** Rows that the database has not taken yet. */
  get backlog(): number {
    return this.#commits.queued;
  }

  /** Rows that were given up since the start. */
  get lost(): number {
    return this.#lost;
  }

  get isAvailable(): boolean {
    return this.#database.isAvailable();
  }

  /** Notes a request that has been taken up. */
  opened(exchange: Taken): void {
    exchange.ticket = { exchange, dueMs: exchange.startedMs + OPEN_AFTER_MS };
    this.#tickets.push(exchange.ticket);
    this.#timer ??= setTimeout(() => this.#writeOpen(), OPEN_AFTER_MS);
  }

  /** Notes its end. */
  ended(exchange: Taken, endedMs: number): void {
    if (exchange.ticket !== null) exchange.ticket.exchange = null;
    this.#commits.add(requestRow(exchange, endedMs));
  }

  write(binding: BindingRow): void {
    this.#commits.add(binding);
  }

  read(digests: readonly string[]): Promise<BindingRow[]> {
    return findBindings(this.#database.pool, digests);
  }

  committed(): Promise<void> {
    return this.#commits.committed();
  }

  /** @returns how many rows were lost because the database did not take them in time */
  close(deadlineMs: number): Promise<number> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#endWatch();
    return this.#commits.close(deadlineMs);
  }

  /** Gives a row to every request that is due and still running, and comes back for the next. */
  #writeOpen(): void {
    const nowMs = this.#nowMs();
    let due = 0;
    for (; due < this.#tickets.length && this.#tickets[due]!.dueMs <= nowMs; due++) {
      const { exchange } = this.#tickets[due]!;
      if (exchange === null) continue;
      exchange.ticket = null;
      this.#commits.add(requestRow(exchange, null));
    }
    this.#tickets.splice(0, due);
    const next = this.#tickets[0];
    this.#timer = next === undefined ? null : setTimeout(() => this.#writeOpen(), Math.max(1, next.dueMs - nowMs));
  }

  async #write(batch: readonly Item[]): Promise<void> {
    // The last row of a request wins over an open one in the same batch.
    const rows = new Map<string, RequestRow>();
    const bindings: BindingRow[] = [];
    for (const item of batch) {
      if ('digest' in item) bindings.push(item);
      else rows.set(item.id, item);
    }
    const bound = await this.#writeBatch(this.#database.pool, this.#instanceId, [...rows.values()], bindings, this.tellsOthers);
    if (bound.length > 0) this.#onBound(bound);
  }
}
