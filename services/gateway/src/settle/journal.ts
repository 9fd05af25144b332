import type { Database, GroupCommit } from '@switchyard/database';
import { groupCommit } from '@switchyard/database';
import type { Logger } from '@switchyard/observability';
import type { Binding, BindingStore } from '../bindings/bindings.ts';
import type { Exchange } from '../exchange.ts';
import type { GatewayMetrics } from '../metrics.ts';
import { writeJournal } from '../store/write-journal.ts';
import { requestRow } from './request-row.ts';
import type { RequestRow } from './request-row.ts';

/**
 * A request on its way into the log: the exchange while it runs, its last row once it has ended. Not both, so that sockets and buffers
 * of an ended one are not kept alive until its batch is written (27 µs of garbage collection a request).
 */
export interface JournalItem {
  state: { readonly open: Exchange } | { readonly ended: RequestRow };
}

type Item = JournalItem | Binding;

type JournalDatabase = Pick<Database, 'pool' | 'isAvailable'>;

/** Longest that a row waits for company (architecture 4). */
const DELAY_MS = 5;
const MAX_BATCH = 2_000;
/** About 100 MB of rows; beyond that the newest are dropped and counted. */
const MAX_QUEUED = 100_000;

/**
 * Everything that the hot path leaves behind, written in group commits. A request enters when it is taken up; if it has ended by the
 * time its batch is written there is one row, else an open row first and the whole one at its end.
 */
export class Journal implements BindingStore {
  readonly #database: JournalDatabase;
  readonly #instanceId: string;
  readonly #commits: GroupCommit<Item>;

  constructor(database: JournalDatabase, instanceId: string, metrics: GatewayMetrics, log: Logger) {
    this.#database = database;
    this.#instanceId = instanceId;
    this.#commits = groupCommit<Item>({
      write: (batch) => this.#write(batch),
      delayMs: DELAY_MS,
      maxBatch: MAX_BATCH,
      maxQueued: MAX_QUEUED,
      onFailure: (error, { queued, backoffMs }) =>
        log.warn('journal_retried', 'The request log could not be written; it will be tried again', { error, queued, backoff_ms: backoffMs }),
      onDropped: (item, why, error) => {
        if ('state' in item && 'open' in item.state) item.state.open.unwritten = null;
        metrics.switchyard_journal_dropped_total.inc();
        if (why === 'refused') log.error('journal_row_refused', 'The database refused a row of the request log; it was dropped', { error });
      },
    });
  }

  get isAvailable(): boolean {
    return this.#database.isAvailable();
  }

  /** Notes a request that has been taken up. */
  opened(exchange: Exchange): void {
    exchange.unwritten = { state: { open: exchange } };
    this.#commits.add(exchange.unwritten);
  }

  /** Notes its end. */
  ended(exchange: Exchange, endedMs: number): void {
    const row = requestRow(exchange, this.#instanceId, endedMs);
    if (exchange.unwritten !== null) exchange.unwritten.state = { ended: row };
    else this.#commits.add({ state: { ended: row } });
  }

  write(binding: Binding): void {
    this.#commits.add(binding);
  }

  committed(): Promise<void> {
    return this.#commits.committed();
  }

  /** @returns how many rows were lost because the database did not take them in time */
  close(deadlineMs: number): Promise<number> {
    return this.#commits.close(deadlineMs);
  }

  #write(batch: readonly Item[]): Promise<void> {
    const rows = new Map<string, RequestRow>();
    const bindings: Binding[] = [];
    for (const item of batch) {
      if (!('state' in item)) bindings.push(item);
      else if ('ended' in item.state) rows.set(item.state.ended.id, item.state.ended);
      else {
        item.state.open.unwritten = null;
        rows.set(item.state.open.id, requestRow(item.state.open, this.#instanceId, null));
      }
    }
    return writeJournal(this.#database.pool, [...rows.values()], bindings);
  }
}
