import { JOURNAL_ROWS, LOOP_DELAY_MS, REFUSED_MS } from '../../admission/pressure.ts';
import type { DoctorFacts } from './facts.ts';
import type { Finding } from './finding.ts';

/** Whether there is room for what comes. */
export function checkLanes({ live }: DoctorFacts): Finding[] {
  if (live === null) return [];
  const findings: Finding[] = [];
  const full = live.lanes.filter(({ running, limit }) => running >= limit);
  if (full.length > 0)
    findings.push({
      id: 'lane_full',
      severity: 'warning',
      cause: 'All places of a lane are taken, so what comes waits, and is refused when none becomes free in time.',
      evidence: full.map(({ lane, running, waiting }) => `${lane}: ${running} in progress, ${waiting} wait.`),
      next_action:
        'Raise limits.active_requests, or the share of the lane (admission.responses_percent and the like), if this machine and the accounts can take more.',
    });
  if (live.pressed.length > 0)
    findings.push({
      id: 'pressed',
      severity: 'warning',
      cause: 'There is more to do than can be done, and what can wait is turned away.',
      evidence: live.pressed.map((sign) => SIGNS[sign]),
      next_action: 'See docs/operations.md, "When there is too much to do".',
    });
  return findings;
}

const SIGNS = {
  refused: `Requests were refused for want of room in the last ${REFUSED_MS / 1_000} seconds.`,
  waiting: 'More than half of the places to wait are taken.',
  loop: `The event loop is late by more than ${LOOP_DELAY_MS} ms, one time in a hundred.`,
  journal: `More than ${JOURNAL_ROWS} rows wait for the database.`,
} as const;
