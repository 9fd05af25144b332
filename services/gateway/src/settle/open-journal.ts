import type { BindingRow } from '../bindings/bindings.ts';
import type { Ground } from '../ground.ts';
import { writeJournal } from '../store/write-journal.ts';
import { faultyWrite } from './faulty-write.ts';
import { Journal } from './journal.ts';

interface JournalParts extends Pick<Ground, 'database' | 'instanceId' | 'metrics' | 'faults' | 'nowMs' | 'log'> {
  /** Told of bindings that the database has otherwise than they were written. */
  readonly onBound: (rows: readonly BindingRow[]) => void;
}

/** Longest that a stop waits for the database to take the last rows. */
const LAST_ROWS_MS = 2_000;

export function openJournal({ database, instanceId, metrics, faults, nowMs, log, onBound }: JournalParts): Journal {
  return new Journal(database, instanceId, metrics, log, nowMs, onBound, faults === null ? writeJournal : faultyWrite(faults));
}

/** Writes what is left, and says so when it could not. */
export async function closeJournal(journal: Journal, log: Ground['log']): Promise<void> {
  const lost = await journal.close(LAST_ROWS_MS);
  if (lost > 0) log.error('journal_rows_lost', 'The database did not take the last rows of the request log in time', { rows: lost });
}
