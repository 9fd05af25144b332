import { ON_PURPOSE } from '@switchyard/contracts';
import type { FaultBudget } from '@switchyard/contracts';
import { writeJournal } from '../store/write-journal.ts';

/** Writing the journal, failing as often as the budget says. */
export function faultyWrite(faults: FaultBudget): typeof writeJournal {
  return (...args) => (faults.take('state_save') ? Promise.reject(new Error(ON_PURPOSE)) : writeJournal(...args));
}
