import type { Logger } from '@switchyard/observability';
import type { LiveFigures } from '../choice/live-figures.ts';
import type { QuotaRecord } from '../choice/quota-windows.ts';

export interface QuotaWriterParts {
  readonly live: LiveFigures;
  readonly write: (records: ReadonlyMap<string, QuotaRecord>) => Promise<void>;
  readonly log: Logger;
}

/**
 * Writes quotas behind, so that a restart does not forget that an account is out: one statement at a time, of what has changed since the
 * last. What could not be written is tried again at the next call.
 */
export class QuotaWriter {
  readonly #parts: QuotaWriterParts;
  #writing: Promise<void> | null = null;
  #failing = false;

  constructor(parts: QuotaWriterParts) {
    this.#parts = parts;
  }

  /** Begins to write what has changed, unless a write is under way. Call it about once a second. */
  flush(): void {
    if (this.#writing === null && this.#parts.live.quota.hasChanges) this.#writing = this.#write().finally(() => (this.#writing = null));
  }

  /** Writes what is left, unless the database does not take it in time: then it is learnt anew. */
  async close(deadlineMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<void>((resolve) => (timer = setTimeout(resolve, deadlineMs)));
    const last = async (): Promise<void> => {
      await this.#writing;
      if (this.#parts.live.quota.hasChanges) await this.#write();
    };
    await Promise.race([last(), deadline]);
    clearTimeout(timer);
  }

  async #write(): Promise<void> {
    const { live, write, log } = this.#parts;
    const changes = live.quota.takeChanges();
    try {
      await write(new Map(Array.from(changes, ([slot, record]) => [live.accountOf(slot), record])));
      this.#failing = false;
    } catch (error) {
      live.quota.putBack(changes.keys());
      if (!this.#failing) log.warn('quota_retried', 'What is known of quotas could not be written; it will be tried again', { error });
      this.#failing = true;
    }
  }
}
