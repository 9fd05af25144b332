import type { DoctorFacts } from './facts.ts';
import type { Finding } from './finding.ts';

/** Uses are written down once a minute, so clocks that differ by less do not matter. */
const WARN_MS = 60_000;
/** From here on moments at which an upstream serves again are badly wrong. */
const ERROR_MS = 300_000;

/** Whether the clocks of this machine and of the database agree. */
export function checkClock({ stored }: DoctorFacts): Finding[] {
  const aheadMs = stored?.clockAheadMs ?? 0;
  if (Math.abs(aheadMs) < WARN_MS) return [];
  return [
    {
      id: 'clock_skew',
      severity: Math.abs(aheadMs) < ERROR_MS ? 'warning' : 'error',
      cause: 'The clock of this machine and that of the database differ.',
      evidence: [`This machine is ${Math.round(Math.abs(aheadMs) / 1_000)} s ${aheadMs > 0 ? 'ahead of' : 'behind'} the database.`],
      next_action:
        'Set both by NTP. Until then times in the log are wrong, quotas seem to end at the wrong moment, and bindings are given up too soon or too late.',
    },
  ];
}
