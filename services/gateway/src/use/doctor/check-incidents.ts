import type { Incident } from '../../store/incidents.ts';
import type { DoctorFacts } from './facts.ts';
import type { Finding } from './finding.ts';
import { INCIDENT_KINDS, INCIDENT_RULES } from './incident-rules.ts';

/** What was wrong lately, also when it is over: one finding for each kind of it. */
export function checkIncidents({ stored }: DoctorFacts): Finding[] {
  return INCIDENT_KINDS.flatMap((kind) => {
    const seen = (stored?.tables?.incidents ?? []).filter((incident) => incident.kind === kind);
    if (seen.length === 0) return [];
    const { cause, nextAction } = INCIDENT_RULES[kind];
    return [
      {
        id: 'recent_incidents',
        severity: seen.some(({ closed_at: closed }) => closed === null) ? 'warning' : 'info',
        cause,
        evidence: seen.map(textOf),
        next_action: nextAction,
      },
    ];
  });
}

function textOf({ kind, opened_at: opened, closed_at: closed, evidence }: Incident): string {
  return `${kind} from ${opened.toISOString()} ${closed === null ? 'on' : `to ${closed.toISOString()}`}: ${evidence}`;
}
