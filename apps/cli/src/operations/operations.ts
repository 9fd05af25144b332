import type { GatewayAnswer, NewAccount, NewKey } from '@switchyard/contracts/api';

export type Account = GatewayAnswer<'removeAccount'>;
export type AccountTest = GatewayAnswer<'testAccount'>;
export type Key = GatewayAnswer<'revokeKey'>;
export type MadeKey = GatewayAnswer<'createKey'>;
export type ExplainedRequest = GatewayAnswer<'getDecision'>;
export type Quotas = GatewayAnswer<'listQuota'>;
export type Quota = Quotas['data'][number];
export type PoolForecast = Quotas['pools'][number];
export type RequestPage = GatewayAnswer<'listRequests'>;
export type LoggedRequest = RequestPage['data'][number];
export type SessionBindings = GatewayAnswer<'listSessionBindings'>;
export type Binding = SessionBindings['conflicts'][number];
export type Report = GatewayAnswer<'diagnose'>;
export type Finding = Report['findings'][number];
/** An id as a client sends it, or the digest of one; of a call that was made in a session, with that. */
export interface SoughtId {
  readonly id: string;
  readonly session?: string;
}

type AccountState = GatewayAnswer<'listAccounts'>['data'][number];
/** What only a running server knows of an account. */
type Live = Pick<AccountState, 'state' | 'backoff_reason' | 'backoff_ms' | 'in_flight' | 'health' | 'quota'>;
/** An account as it is listed; how it is doing is null while no server runs. */
export type ListedAccount = Account & (Live | { readonly [K in keyof Live]: null });

/**
 * Everything the command line asks of Switchyard. There are two ways to it: the API of a running server, and the files of a stopped
 * one; a command does not know which it has.
 * @see architecture 8, "Files a process leaves"
 */
export interface Operations extends AsyncDisposable {
  listAccounts(): Promise<readonly ListedAccount[]>;
  /** @throws SwitchyardError `invalid_value`, `name_taken`, `account_refused` */
  addAccount(draft: NewAccount): Promise<Account>;
  /** @throws SwitchyardError `not_found`, `held_by_file` */
  removeAccount(idOrName: string): Promise<Account>;
  /** @throws SwitchyardError `not_found`, `held_by_file`, `account_refused` */
  testAccount(idOrName: string): Promise<AccountTest>;
  /** As it is now; with the server stopped, as it was last written, and without a forecast. */
  listQuota(): Promise<Quotas>;
  /** Ends what an account is not asked for because of its quota. @throws SwitchyardError `not_found` */
  liftQuota(idOrName: string): Promise<Quota>;
  listKeys(): Promise<readonly Key[]>;
  /** @throws SwitchyardError `invalid_value`, `name_taken` */
  createKey(draft: NewKey): Promise<MadeKey>;
  /** @throws SwitchyardError `not_found` */
  revokeKey(id: string): Promise<Key>;
  /** @throws SwitchyardError `not_found` */
  findRequest(id: string): Promise<ExplainedRequest>;
  /** Newest first, below `after` if it is given. */
  listRequests(page: { readonly limit: number; readonly after?: string }): Promise<RequestPage>;
  /** @param sought  Null: only counts and conflicts. */
  showSessionBindings(sought: SoughtId | null): Promise<SessionBindings>;
  /** @throws SwitchyardError `not_found` */
  forgetSessionBindings(sought: SoughtId): Promise<readonly Binding[]>;
}
