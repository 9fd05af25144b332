import type { Incident } from '../../store/incidents.ts';
import type { DoctorFacts } from './facts.ts';
import type { Finding } from './finding.ts';

/** What was wrong lately, also when it is over. */
export function checkIncidents({ stored }: DoctorFacts): Finding[] {
  const seen = stored?.tables?.incidents ?? [];
  if (seen.length === 0) return [];
  const lasts = seen.some(({ closed_at: closed }) => closed === null);
  return [
    {
      id: 'recent_incidents',
      severity: lasts ? 'warning' : 'info',
      cause: lasts ? 'Something is wrong, or was a minute ago.' : 'Something was wrong within the last day, and is over.',
      evidence: seen.map(textOf),
      next_action: 'The log has `incident_opened` and what stands around it. What of it lasts is among the other findings, with what to do.',
    },
  ];
}

function textOf({ kind, opened_at: opened, closed_at: closed, evidence }: Incident): string {
  return `${kind} from ${opened.toISOString()} ${closed === null ? 'on' : `to ${closed.toISOString()}`}: ${evidence}`;
}
