import { JOURNAL_ROWS } from '../../admission/pressure.ts';
import { MAX_QUEUED } from '../../settle/journal.ts';
import type { DoctorFacts } from './facts.ts';
import type { Finding } from './finding.ts';

/** Whether what is to be written down gets written. */
export function checkJournal({ live }: DoctorFacts): Finding[] {
  if (live === null) return [];
  const { waiting, lost } = live.journal;
  const findings: Finding[] = [];
  if (lost > 0)
    findings.push({
      id: 'journal_rows_lost',
      severity: 'warning',
      cause: 'Rows of the request log or bindings were given up: the database was away for too long, or refused them.',
      evidence: [`${lost} since the start.`],
      next_action: 'See `journal_row_refused` and `database_away` in the log for which it was. What was lost does not come back.',
    });
  if (waiting >= JOURNAL_ROWS)
    findings.push({
      id: 'journal_backlog',
      severity: 'warning',
      cause: 'The database does not keep up with what is to be written.',
      evidence: [`${waiting} rows wait.`],
      next_action: `Look at the disk of the database. Above ${MAX_QUEUED} rows the newest are dropped.`,
    });
  return findings;
}
