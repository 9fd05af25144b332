import type { DoctorFacts } from './facts.ts';
import type { Finding } from './finding.ts';

/** Whether the tables are those that this version knows. */
export function checkMigrations({ stored, live }: DoctorFacts): Finding[] {
  if (stored === null) return [];
  const { pending, unknown, changed } = stored.migrations;
  const findings: Finding[] = [];
  if (unknown.length > 0)
    findings.push({
      id: 'database_newer',
      severity: 'error',
      cause: 'A newer version of Switchyard has used this database.',
      evidence: unknown,
      next_action: 'Start that version, or restore a backup that was made before the upgrade. Migrations are not undone.',
    });
  if (changed.length > 0)
    findings.push({
      id: 'migrations_changed',
      severity: 'error',
      cause: 'Files of migrations differ from what was applied to this database.',
      evidence: changed,
      next_action: 'Restore the files as they were released; the next start would refuse them.',
    });
  if (pending.length > 0)
    findings.push({
      id: 'migrations_pending',
      severity: live === null ? 'info' : 'warning',
      cause: 'The database has not been brought up to date with this version.',
      evidence: pending,
      next_action:
        live === null
          ? 'Nothing: the next start, or the next command, does it. Make a backup first, since it is not undone.'
          : 'Restart the server; a start brings it up to date.',
    });
  return findings;
}
