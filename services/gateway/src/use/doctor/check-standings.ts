import type { AccountStanding, DoctorFacts, LiveFacts } from './facts.ts';
import type { Finding } from './finding.ts';

/** Whether accounts answer, as far as a running server has seen. */
export function checkStandings({ live }: DoctorFacts): Finding[] {
  if (live === null) return [];
  return [...refused(live.accounts), ...open(live)];
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
      next_action: `Try it with \`switchyard accounts test NAME\`: when it answers, it is asked again at once. Else ${seen
        .map(remedyOf)
        .filter((text, i, all) => all.indexOf(text) === i)
        .join('; ')}.`,
    },
  ];
}

function remedyOf({ source, kind }: AccountStanding): string {
  if (source === 'file') return 'give an account of switchyard.toml a credential that is valid, where that file says it is, and start the server again';
  if (kind === 'chatgpt') return 'sign in again in the Codex home that a ChatGPT login was added from, from where it is taken by itself';
  return 'remove an account that was added by command, and add it with a credential that is valid';
}

function open({ accounts, pools }: LiveFacts): Finding[] {
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
      next_action: `${pools.every(({ out }) => out.length === 0) ? 'Others serve meanwhile, and it' : 'It'} is taken back by itself when it answers again. \`switchyard accounts test NAME\` asks it now.`,
    },
  ];
}
