import { closeSync, fstatSync, openSync, readSync, renameSync, statSync } from 'node:fs';

/** A log larger than this at a start is put aside as `.1`, over the one before, so two of them bound the disk that logs use. */
export const MAX_LOG_BYTES = 10 * 1024 * 1024;

/** Opens the server's log for appending. The caller closes the descriptor. */
export function openServerLog(path: string): number {
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) > MAX_LOG_BYTES) renameSync(path, `${path}.1`);
  return openSync(path, 'a', 0o600);
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
