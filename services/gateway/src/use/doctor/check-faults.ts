import { SETTING_KEYS } from '@switchyard/config';
import type { DoctorFacts } from './facts.ts';
import type { Finding } from './finding.ts';

/** Whether failures are made on purpose. */
export function checkFaults({ config }: DoctorFacts): Finding[] {
  if (!config['faults.enabled']) return [];
  return [
    {
      id: 'faults_enabled',
      severity: 'warning',
      cause: 'Failures are being made on purpose.',
      evidence: SETTING_KEYS.filter((key) => key.startsWith('faults.') && config[key] !== 0).map((key) => `${key} = ${JSON.stringify(config[key])}`),
      next_action: 'Outside of a test, switch faults.enabled off and restart the server.',
    },
  ];
}
