import type { DoctorFacts } from './facts.ts';
import type { Finding } from './finding.ts';

/** Whether accounts that are said to speak WebSocket do. */
export function checkSockets({ live }: DoctorFacts): Finding[] {
  const seen = live?.notSpokenBy ?? [];
  if (seen.length === 0) return [];
  return [
    {
      id: 'websocket_declined',
      severity: 'warning',
      cause: 'An account that is marked for WebSocket has answered that it does not take it; its clients go on over HTTP.',
      evidence: seen,
      next_action:
        'Take `websocket = true` out of its declaration, or remove it and add it without --websocket; or see why its upstream refuses. It is asked again after ten minutes.',
    },
  ];
}
