import type { Ground } from '../ground.ts';
import { BINDINGS_CHANNEL, unpackNotice } from '../store/binding-notices.ts';
import { bindingPages } from '../store/bindings.ts';
import type { BindingRow, Bindings } from './bindings.ts';
import type { BindingClock } from './binding-clock.ts';
import { BINDING_KINDS, KINDS } from './kinds.ts';
import type { KindLimits } from './kinds.ts';
import { readPages } from './read-pages.ts';

interface StoredBindingsParts extends Pick<Ground, 'database' | 'instanceId' | 'wallClockMs' | 'log'> {
  readonly bindings: Bindings;
  readonly limits: KindLimits;
  readonly clock: BindingClock;
  /** Ends what is being read. */
  readonly closing: AbortSignal;
}

/** Takes in what the database holds of conversations, and what other processes on it tell of theirs. Its disposal waits for what is still being read. */
export interface StoredBindings extends AsyncDisposable {
  readonly channels: Readonly<Record<string, (notice: string) => void>>;
  /** Reads what was used while notices may have been missed. */
  missed(seconds: number): void;
  /** Reads of what there was before this process as much as requests are to find at once. */
  readRecent(): Promise<void>;
  /** Begins to read what there is beyond that; until then, and meanwhile, it is looked up when it is asked for. */
  readRest(): void;
}

/** Pages that are read before the first request is served: the conflicts, and what was used last of every kind. */
const READY_PAGES = 1 + KINDS.filter((kind) => BINDING_KINDS[kind].durable).length;
/** Clocks of two processes and of the database differ, and uses are written down once a minute. */
const GAP_MARGIN_S = 120;

export function storedBindings({ database, instanceId, wallClockMs, log, bindings, limits, clock, closing }: StoredBindingsParts): StoredBindings {
  const take = (rows: readonly BindingRow[]): void => bindings.take(rows);
  const older = bindingPages(database.pool, limits, 0);
  let rest: Promise<void> | null = null;
  let lastUsedS = 0;
  const takeOlder = (rows: readonly BindingRow[]): void => {
    for (const { touchedAtS } of rows) if (touchedAtS > lastUsedS) lastUsedS = touchedAtS;
    bindings.takeOlder(rows);
  };
  const notRead = (error: unknown): void =>
    log.warn('bindings_not_read', 'Some of what the database holds of conversations could not be read; it is looked up when it is asked for', { error });
  return {
    channels: { [BINDINGS_CHANNEL]: (notice) => take(unpackNotice(notice, instanceId)) },
    missed(seconds) {
      const pages = bindingPages(database.pool, limits, Math.min(clock.nowS(), Math.floor(wallClockMs() / 1_000)) - seconds - GAP_MARGIN_S);
      void readPages(pages, take, closing).catch(notRead);
    },
    async readRecent() {
      await readPages(older, takeOlder, closing, READY_PAGES);
      if (lastUsedS > 0) clock.resume(lastUsedS);
    },
    readRest() {
      rest ??= readPages(older, takeOlder, closing).catch(notRead);
    },
    async [Symbol.asyncDispose]() {
      await rest;
    },
  };
}
