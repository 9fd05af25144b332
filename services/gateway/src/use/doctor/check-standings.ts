import type { AccountStanding, DoctorFacts } from './facts.ts';
import type { Finding } from './finding.ts';

/** Whether accounts answer, as far as a running server has seen. */
export function checkStandings({ live }: DoctorFacts): Finding[] {
  const accounts = live?.accounts ?? [];
  return [...refused(accounts), ...open(accounts), ...allAside(accounts)];
}

function refused(accounts: readonly AccountStanding[]): Finding[] {
  const seen = accounts.filter(({ reason }) => reason === 'auth' || reason === 'forbidden');
  if (seen.length === 0) return [];
  return [
    {
      id: 'account_refused',
      severity: 'error',
      cause: 'The upstream of an account refuses its credential, or the account itself.',
      evidence: seen.map(({ name, reason }) => `${name}: ${reason === 'auth' ? 'its credential is refused' : 'it may not be used'}`),
      next_action: 'Try it with `switchyard accounts test NAME`. Then remove it and add it with a credential that is valid.',
    },
  ];
}

function open(accounts: readonly AccountStanding[]): Finding[] {
  const seen = accounts.filter((account) => account.open.length > 0);
  if (seen.length === 0) return [];
  return [
    {
      id: 'circuits_open',
      severity: 'warning',
      cause: 'An account has failed so often that it is asked only now and then whether it is back.',
      evidence: seen.map(
        (account) =>
          `${account.name}: ${account.open.join(', ')}${account.reason === null ? '' : ` (${account.reason})`}, asked again in ${Math.round(account.backInMs / 1_000)} s`,
      ),
      next_action: 'Others serve meanwhile, and it is taken back by itself. `switchyard accounts test NAME` asks it now.',
    },
  ];
}

function allAside(accounts: readonly AccountStanding[]): Finding[] {
  const real = accounts.filter(({ kind }) => kind !== 'sandbox');
  if (real.length === 0 || real.some(({ standing }) => standing !== 'backing_off' && standing !== 'circuit_open')) return [];
  return [
    {
      id: 'all_aside',
      severity: 'error',
      cause: 'Every account has failed a moment ago. The one that is back soonest is asked all the same.',
      evidence: real.map(({ name, reason, backInMs }) => `${name}: ${reason ?? 'failures'}, back in ${Math.round(backInMs / 1_000)} s`),
      next_action: 'When all of them fail at once it is more likely the network of this machine than the upstreams: try `switchyard accounts test NAME`.',
    },
  ];
}
