import { closeSync, fstatSync, openSync, readSync, renameSync, statSync } from 'node:fs';
import { copyFile, stat, truncate } from 'node:fs/promises';

import type { Logger } from '@switchyard/observability';

/** A log larger than this is put aside as `.1`, over the one before, so two of them bound the disk that logs use. */
export const MAX_LOG_BYTES = 10 * 1024 * 1024;

/** Opens the server's log for appending. The caller closes the descriptor. */
export function openServerLog(path: string): number {
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) > MAX_LOG_BYTES) renameSync(path, `${path}.1`);
  return openSync(path, 'a', 0o600);
}

/**
 * Puts the log aside as well while the server writes to it: copied and cut to nothing, for the server keeps its descriptor, and appends
 * where the end then is. A line written in between is lost; PostgreSQL's own collector would cost a process for it.
 * @returns what ends it, once nothing is being put aside any more
 */
export function keepLogBounded(path: string, log: Logger, everyMs = 60_000): () => Promise<void> {
  let running = Promise.resolve();
  const look = async (): Promise<void> => {
    if ((await stat(path)).size <= MAX_LOG_BYTES) return;
    await copyFile(path, `${path}.1`);
    await truncate(path);
  };
  const timer = setInterval(() => {
    running = running.then(look).catch((error: unknown) => log.warn('database_log_kept', 'The log of PostgreSQL could not be put aside', { error }));
  }, everyMs);
  timer.unref();
  return () => {
    clearInterval(timer);
    return running;
  };
}

/** What was appended since `offset`, at most its last 4 KB. */
export function readLogSince(path: string, offset: number): string {
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    const from = Math.max(offset, size - 4_096);
    const bytes = Buffer.alloc(Math.max(0, size - from));
    readSync(file, bytes, 0, bytes.length, from);
    return bytes.toString('utf8').trim();
  } finally {
    closeSync(file);
  }
}
