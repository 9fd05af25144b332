import type { CodexLogin } from '@switchyard/contracts';
import type { Vault } from '@switchyard/security';
import type { AccountRow } from '../store/accounts.ts';
import type { AccountDraft } from './account-draft.ts';

/** What only whoever may use an account may know; values of its own headers may be secret too. */
export type AccountSecrets = Pick<AccountDraft, 'credential' | 'headers'>;

/** The columns of an account in which its secrets are stored. */
export type SealedSecrets = Pick<AccountRow, 'credential' | 'header_names' | 'sealed_headers'>;

/** Secrets are bound to their account and to their column, so that a row cannot lend them to another. */
function place(accountId: string, column: 'credential' | 'headers'): string {
  return `account:${accountId}:${column}`;
}

/** The columns that store an account's secrets. */
export function sealSecrets(vault: Vault, accountId: string, { credential, headers }: AccountSecrets): SealedSecrets {
  const names = Object.keys(headers);
  return {
    credential: credential === null ? null : vault.seal(credential, place(accountId, 'credential')),
    header_names: names,
    sealed_headers: names.length === 0 ? null : vault.seal(JSON.stringify(headers), place(accountId, 'headers')),
  };
}

/**
 * The secrets of an account whose row holds them.
 * @throws VaultError when they were sealed with another key or for another account; Error when values of its headers are missing
 */
export function openSecrets(vault: Vault, row: SealedSecrets & Pick<AccountRow, 'id'>): AccountSecrets {
  if (row.sealed_headers === null && row.header_names.length > 0)
    throw new Error(`The values of the headers ${row.header_names.join(', ')} are not stored; remove the account and add it again`);
  return {
    credential: row.credential === null ? null : vault.open(row.credential, place(row.id, 'credential')),
    headers: row.sealed_headers === null ? {} : (JSON.parse(vault.open(row.sealed_headers, place(row.id, 'headers'))) as Record<string, string>),
  };
}

/** A ChatGPT login as the column of the credential stores it. */
export function sealLogin(vault: Vault, accountId: string, login: CodexLogin): Buffer {
  return vault.seal(JSON.stringify(login), place(accountId, 'credential'));
}

/** @throws VaultError as `openSecrets` does */
export function openLogin(vault: Vault, row: Pick<AccountRow, 'id' | 'credential'>): CodexLogin {
  return JSON.parse(vault.open(row.credential!, place(row.id, 'credential'))) as CodexLogin;
}
