import type { AccountFacts, DoctorFacts } from './facts.ts';
import type { Finding } from './finding.ts';

/** Whether the accounts that there are can be used. */
export function checkAccounts({ stored }: DoctorFacts): Finding[] {
  const accounts = stored?.tables?.accounts;
  if (accounts === undefined) return [];
  return [...unreadable(accounts), ...loggedOut(accounts), ...undeclared(accounts), ...silent(accounts), ...none(accounts)];
}

function unreadable(accounts: readonly AccountFacts[]): Finding[] {
  const seen = accounts.filter((account) => account.unreadable !== null);
  if (seen.length === 0) return [];
  return [
    {
      id: 'account_unreadable',
      severity: 'error',
      cause: 'The stored key or headers of an account cannot be read, so no request goes to it.',
      evidence: seen.map(({ name, unreadable: why }) => `${name}: ${why}`),
      next_action: 'Start the server with the ENCRYPTION_KEY (or encryption.key) that the account was added with, or remove it and add it again.',
    },
  ];
}

function loggedOut(accounts: readonly AccountFacts[]): Finding[] {
  const seen = accounts.filter(({ needsLogin }) => needsLogin);
  if (seen.length === 0) return [];
  return [
    {
      id: 'needs_login',
      severity: 'error',
      cause: 'The login of an account is not accepted any more and cannot be renewed, so no request goes to it.',
      evidence: seen.map(({ name, id }) => `${name} (${id})`),
      next_action:
        'Sign in again in the Codex home that it was added from (CODEX_HOME=… codex login), from where it is taken by itself; or remove it and add it again.',
    },
  ];
}

function undeclared(accounts: readonly AccountFacts[]): Finding[] {
  const seen = accounts.filter(({ isDeclared }) => !isDeclared);
  if (seen.length === 0) return [];
  return [
    {
      id: 'account_off',
      severity: 'warning',
      cause: 'An account is known but not declared here, so no request goes to it.',
      evidence: seen.map(({ name, source }) => `${name}: ${source === 'builtin' ? 'gateway.sandbox is off' : 'it is not in switchyard.toml'}`),
      next_action: 'Declare it again and restart the server, or forget it with its conversations: `switchyard accounts remove NAME`.',
    },
  ];
}

function silent(accounts: readonly AccountFacts[]): Finding[] {
  const seen = accounts.filter(({ isDeclared, models }) => isDeclared && models === 0);
  if (seen.length === 0) return [];
  return [
    {
      id: 'account_without_models',
      severity: 'warning',
      cause: 'Nobody knows which models an account serves, so no request goes to it.',
      evidence: seen.map(({ name }) => name),
      next_action: 'Ask it with `switchyard accounts test NAME`, or name its models yourself.',
    },
  ];
}

function none(accounts: readonly AccountFacts[]): Finding[] {
  const usable = accounts.filter(({ isDeclared, unreadable: why, needsLogin, models }) => isDeclared && why === null && !needsLogin && models > 0);
  if (usable.some(({ kind }) => kind !== 'sandbox')) return [];
  return [
    {
      id: 'no_accounts',
      severity: usable.length === 0 && accounts.length > 0 ? 'error' : 'info',
      cause:
        usable.length === 0 ? 'There is no account that could serve a request.' : 'There is no account but the built-in sandbox, where no real model answers.',
      evidence: [`${accounts.length} known, ${usable.length} usable.`],
      next_action: 'Add one: `switchyard accounts add --help`.',
    },
  ];
}
