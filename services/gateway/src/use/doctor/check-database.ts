import type { DoctorFacts } from './facts.ts';
import type { Finding } from './finding.ts';

/** The database that a running server stands on. */
export function checkDatabase({ stored, config }: DoctorFacts): Finding[] {
  if (stored !== null) return [];
  const own = config['database.url'] === '';
  return [
    {
      id: 'database_away',
      severity: 'error',
      cause: 'The database does not answer; the server goes on from memory.',
      evidence: ['No answer to a question now.'],
      next_action: own
        ? `Look at ${config.home}/postgres.log; the server starts its PostgreSQL again by itself. If it does not come back, restart the server.`
        : 'Look at the server that DATABASE_URL names, and at the network between here and there. Traffic goes on meanwhile; what is bound does not outlive a crash.',
    },
  ];
}
