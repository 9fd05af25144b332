import { declaredAccounts, unknownMembers } from '@switchyard/config';
import type { DoctorFacts } from './facts.ts';
import type { Finding } from './finding.ts';

/** Whether the pools of the configuration name accounts that there are. */
export function checkPoolNames({ config, stored }: DoctorFacts): Finding[] {
  const accounts = stored?.tables?.accounts;
  if (accounts === undefined) return [];
  // Of a stopped server those that its next start declares are not all in its database.
  const known = new Set([...accounts.map(({ name }) => name), ...declaredAccounts(config)]);
  const unknown = unknownMembers(config, known);
  if (unknown.length === 0) return [];
  return [
    {
      id: 'pool_names_unknown_account',
      severity: 'warning',
      cause: 'A pool names an account that there is not, so it has fewer than it seems to have.',
      evidence: unknown.map(
        ({ pool, account, place, near }) => `${place}: the pool ${pool} names ${account}${near === null ? '' : `; there is an account ${near}`}`,
      ),
      next_action:
        'Correct the name under [pools] in switchyard.toml and start the server again, or add the account: `switchyard accounts add --name NAME`. `switchyard accounts list` shows those that there are.',
    },
  ];
}
