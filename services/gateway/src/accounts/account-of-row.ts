import { renewLoginAtMs } from '@switchyard/contracts';
import type { CodexLogin, Upstream } from '@switchyard/contracts';
import type { Account, AccountKind, AccountSource } from '../choice/account.ts';
import type { UsedAccount } from '../store/accounts.ts';
import { accountHeaders, basePathOf } from './account-draft.ts';
import type { AccountSecrets } from './account-secrets.ts';
import type { LoadedLogin } from './credential-keeper.ts';

/**
 * What the row of a declared account does not say: secrets, which it must not hold, and the address, which another process on the
 * same database may have declared otherwise. A credential goes only where whoever declared it wants it to go.
 */
export interface DeclaredAccount extends AccountSecrets {
  readonly baseUrl: string;
}

/** An account as the hot path has it, and its login when it is one. */
export interface LoadedAccount {
  readonly account: Account;
  readonly login: LoadedLogin | null;
}

/**
 * Makes an account out of its row.
 * @param own       Its address and its opened secrets.
 * @param slot      Of its live figures.
 * @param upstream  The way to it.
 */
export function accountOfRow(row: UsedAccount, own: DeclaredAccount, slot: number, upstream: Upstream): LoadedAccount {
  const login = row.kind === 'chatgpt' ? (JSON.parse(own.credential!) as CodexLogin) : null;
  const names = row.model_map as Readonly<Record<string, string>> | null;
  const headers = accountHeaders({ ...own, login, organization: row.organization, project: row.project });
  return {
    account: {
      id: row.id,
      name: row.name,
      kind: row.kind as AccountKind,
      source: row.source as AccountSource,
      baseUrl: own.baseUrl,
      models: names === null ? row.models : [...new Set([...row.models, ...Object.keys(names)])],
      limited: null,
      modelMap: names === null ? null : new Map(Object.entries(names)),
      createdAtMs: row.created_at.getTime(),
      priority: row.priority,
      softInFlight: row.soft_in_flight ?? Infinity,
      maxInFlight: row.max_in_flight ?? Infinity,
      reservePercent: row.reserve_percent,
      slot,
      headers,
      headerNames: new Set(headers.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase())),
      basePath: basePathOf(own.baseUrl),
      speaksWebSocket: row.websocket,
      upstream,
    },
    login: login === null ? null : loadedLogin(row, login),
  };
}

function loadedLogin(row: UsedAccount, login: CodexLogin): LoadedLogin {
  return {
    accountId: row.id,
    name: row.name,
    accessToken: login.access_token,
    renewAtMs: renewLoginAtMs(login),
    state: row.login_state as LoadedLogin['state'],
    codexHome: row.codex_home,
  };
}
