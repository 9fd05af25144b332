import { checkAccounts } from './check-accounts.ts';
import { checkBindings } from './check-bindings.ts';
import { checkClock } from './check-clock.ts';
import { checkDatabase } from './check-database.ts';
import { checkFaults } from './check-faults.ts';
import { checkIncidents } from './check-incidents.ts';
import { checkJournal } from './check-journal.ts';
import { checkLanes } from './check-lanes.ts';
import { checkMigrations } from './check-migrations.ts';
import { checkQuota } from './check-quota.ts';
import { checkPoolNames } from './check-pool-names.ts';
import { checkPools } from './check-pools.ts';
import { checkStandings } from './check-standings.ts';
import { checkSockets } from './check-sockets.ts';
import type { DoctorFacts } from './facts.ts';
import { SEVERITIES } from './finding.ts';
import type { Finding, Report } from './finding.ts';

/** All that the doctor looks at; each check is pure and has a file of its own. */
const CHECKS: readonly ((facts: DoctorFacts) => readonly Finding[])[] = [
  checkDatabase,
  checkMigrations,
  checkAccounts,
  checkQuota,
  checkStandings,
  checkPools,
  checkPoolNames,
  checkBindings,
  checkLanes,
  checkJournal,
  checkSockets,
  checkClock,
  checkFaults,
  checkIncidents,
];

/** @see product section 8, "Doctor" */
export function diagnose(facts: DoctorFacts): Report {
  return reportOf(
    CHECKS.flatMap((check) => check(facts)),
    facts.live === null ? 'stopped' : 'running',
    facts.atMs,
  );
}

/** A report with the worst first; those alike stay in their order. */
export function reportOf(findings: readonly Finding[], server: Report['server'], wallClockMs: number): Report {
  const rank = ({ severity }: Finding): number => -SEVERITIES.indexOf(severity);
  return {
    healthy: findings.every(({ severity }) => severity === 'info'),
    server,
    checked_at: new Date(wallClockMs).toISOString(),
    findings: findings.toSorted((a, b) => rank(a) - rank(b)),
  };
}
