import type { FaultBudget, Upstream } from '@switchyard/contracts';
import type { Kysely } from 'kysely';
import type { Logger } from '@switchyard/observability';
import type { Vault } from '@switchyard/security';
import { faultyUpstream } from '../attempt/faulty-upstream.ts';
import { Connections } from '../attempt/connections.ts';
import { HttpUpstream } from '../attempt/http-upstream.ts';
import { renewLoginAtMs } from '@switchyard/contracts';
import type { CodexLogin } from '@switchyard/contracts';
import type { Account, AccountKind, AccountSource, OffAccount } from '../choice/account.ts';
import type { LiveFigures } from '../choice/live-figures.ts';
import { makeTable } from '../choice/pool.ts';
import type { AccountTable, PoolRules } from '../choice/pool.ts';
import { listAccounts } from '../store/accounts.ts';
import type { AccountRow } from '../store/accounts.ts';
import type { DB } from '../store/schema.gen.ts';
import { accountHeaders, basePathOf } from './account-draft.ts';
import { openSecrets } from './account-secrets.ts';
import type { AccountSecrets } from './account-secrets.ts';
import type { LoadedLogin } from './credential-keeper.ts';
import { ModelLimits } from './model-limits.ts';

export interface RegistryParts {
  readonly db: Kysely<DB>;
  readonly vault: Vault;
  /** With an order for each of the pools. */
  readonly live: LiveFigures;
  readonly pools?: readonly PoolRules[];
  /** By alias. */
  readonly aliases?: Readonly<Record<string, string>>;
  readonly connectTimeoutMs: number;
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
  readonly faults: FaultBudget | null;
  readonly log: Logger;
}

/**
 * What the row of a declared account does not say: secrets, which it must not hold, and the address, which another process on the
 * same database may have declared otherwise. A credential goes only where whoever declared it wants it to go.
 */
export interface DeclaredAccount extends AccountSecrets {
  readonly baseUrl: string;
}

const REBUILT_MS = 1_000;

/**
 * The accounts of the hot path. Rows are read anew on each change and made into a new snapshot; an account that has not changed keeps
 * its connections. Credentials of accounts declared in a file or built in are handed over by name and never stored.
 */
export class AccountRegistry {
  readonly #parts: RegistryParts;
  readonly #upstreams = new Map<string, { readonly origin: string; readonly upstream: Upstream }>();
  /** By origin. */
  readonly #connections = new Map<string, Connections>();
  #declared: ReadonlyMap<string, DeclaredAccount> = new Map();
  #snapshot: AccountTable;
  #known: ReadonlySet<string> = new Set();
  #logins: readonly LoadedLogin[] = [];
  readonly #limits = new ModelLimits();
  #usable: readonly Account[] = [];
  #off: readonly OffAccount[] = [];
  #builtMs = -Infinity;
  #isDue = false;
  #loading: Promise<void> = Promise.resolve();
  #missing = '';

  constructor(parts: RegistryParts) {
    this.#parts = parts;
    this.#snapshot = makeTable(0, [], parts.pools, parts.aliases);
  }

  get snapshot(): AccountTable {
    return this.#snapshot;
  }

  /** Ids of all accounts that there are, also of those left out of the snapshot because this process cannot use them. */
  get known(): ReadonlySet<string> {
    return this.#known;
  }

  /** The logins of all accounts of kind `chatgpt`, also of those that need a new one. */
  get logins(): readonly LoadedLogin[] {
    return this.#logins;
  }

  /** Hands over the accounts that this process declares, by name; takes effect with the next `load`. Those that only others declare are left out. */
  declare(accounts: ReadonlyMap<string, DeclaredAccount>): void {
    this.#declared = accounts;
  }

  /** Names of the accounts that this process declares. */
  get declaredNames(): ReadonlySet<string> {
    return new Set(this.#declared.keys());
  }

  /** Reads all accounts and replaces the snapshot. Calls are done one after the other, so the last change always wins. */
  load(): Promise<void> {
    const next = this.#loading.then(() => this.#loadNow());
    this.#loading = next.catch(() => {});
    return next;
  }

  /**
   * An account has refused a model for a limit of that model alone: it does not serve it for so long. With very many accounts a snapshot takes
   * some milliseconds, so those that follow within a second wait for the next `tick`.
   */
  limitModel(accountId: string, model: string, forMs: number): void {
    const { nowMs } = this.#parts;
    this.#limits.limit(accountId, model, nowMs() + forMs);
    if (nowMs() - this.#builtMs < REBUILT_MS) this.#isDue = true;
    else this.#build();
  }

  /** Has accounts serve again what they had no quota for; to be called once a second. */
  tick(): void {
    if (this.#limits.end(this.#parts.nowMs()) || this.#isDue) this.#build();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#connections.values()].map((connections) => connections.close()));
    this.#upstreams.clear();
    this.#connections.clear();
  }

  async #loadNow(): Promise<void> {
    const rows = await listAccounts(this.#parts.db);
    const logins: LoadedLogin[] = [];
    const loaded = rows.map((row) => this.#account(row, logins)).filter((account) => account !== null);
    const needsLogin = new Set(logins.filter(({ state }) => state === 'needs_login').map(({ accountId }) => accountId));
    this.#known = new Set(rows.map(({ id }) => id));
    this.#logins = logins;
    const before = this.#snapshot.byId;
    this.#usable = loaded.filter(({ id }) => !needsLogin.has(id));
    this.#off = loaded.filter(({ id }) => needsLogin.has(id));
    this.#build();
    this.#noteMissing(new Set(rows.map(({ name }) => name)));
    const kept = new Set(loaded.map(({ id }) => id));
    for (const account of this.#snapshot.accounts) if (!isSameCredential(before.get(account.id), account)) this.#parts.live.trustAnew(account.slot);
    for (const [id, { upstream }] of this.#upstreams) {
      if (kept.has(id)) continue;
      this.#upstreams.delete(id);
      // Requests still running on it end with it: its owner has taken the account away.
      void upstream.close();
    }
    const origins = new Set([...this.#upstreams.values()].map(({ origin }) => origin));
    for (const [origin, connections] of this.#connections) {
      if (origins.has(origin)) continue;
      this.#connections.delete(origin);
      void connections.close();
    }
  }

  /** Makes a snapshot of what was read last. */
  #build(): void {
    const { live, pools, aliases, nowMs } = this.#parts;
    this.#builtMs = nowMs();
    this.#isDue = false;
    const accounts = this.#usable.map((account) => {
      const limited = this.#limits.of(account.id);
      return limited === null ? account : { ...account, limited };
    });
    this.#snapshot = makeTable(this.#snapshot.version + 1, accounts, pools, aliases, this.#off);
    live.adopt(
      this.#snapshot,
      [...this.#snapshot.pools.values()].map(({ members }) => members),
    );
  }

  /** A pool may name accounts that are added later; until then they are missed once. */
  #noteMissing(names: ReadonlySet<string>): void {
    const missing = (this.#parts.pools ?? []).flatMap(({ name, accounts }) =>
      (accounts ?? []).filter((account) => !names.has(account)).map((account) => `${account} in ${name}`),
    );
    const told = missing.join(', ');
    if (told !== '' && told !== this.#missing)
      this.#parts.log.warn('pool_accounts_missing', `Pools of switchyard.toml name accounts that there are not: ${told}`);
    this.#missing = told;
  }

  /** @param logins  Gets the login of an account that is one. */
  #account(row: AccountRow, logins: LoadedLogin[]): Account | null {
    const { live } = this.#parts;
    const own = row.source === 'api' ? this.#stored(row) : (this.#declared.get(row.name) ?? null);
    if (own === null) return null;
    const login = row.kind === 'chatgpt' ? (JSON.parse(own.credential!) as CodexLogin) : null;
    if (login !== null)
      logins.push({
        accountId: row.id,
        name: row.name,
        accessToken: login.access_token,
        renewAtMs: renewLoginAtMs(login),
        state: row.login_state as LoadedLogin['state'],
        codexHome: row.codex_home,
      });
    const headers = accountHeaders({ ...own, login, organization: row.organization, project: row.project });
    return {
      id: row.id,
      name: row.name,
      kind: row.kind as AccountKind,
      source: row.source as AccountSource,
      baseUrl: own.baseUrl,
      models: row.model_map === null ? row.models : [...new Set([...row.models, ...Object.keys(row.model_map as object)])],
      limited: null,
      modelMap: row.model_map === null ? null : new Map(Object.entries(row.model_map as Readonly<Record<string, string>>)),
      createdAtMs: row.created_at.getTime(),
      priority: row.priority,
      softInFlight: row.soft_in_flight ?? Infinity,
      maxInFlight: row.max_in_flight ?? Infinity,
      reservePercent: row.reserve_percent,
      slot: live.slotOf(row.id),
      headers,
      headerNames: new Set(headers.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase())),
      basePath: basePathOf(own.baseUrl),
      speaksWebSocket: row.websocket,
      upstream: this.#upstream(row.id, own.baseUrl),
    };
  }

  #stored(row: AccountRow): DeclaredAccount | null {
    try {
      return { baseUrl: row.base_url, ...openSecrets(this.#parts.vault, row) };
    } catch (error) {
      this.#parts.log.error(
        'account_credential_unreadable',
        'The credential or a header of an account cannot be read; the account is left out until ENCRYPTION_KEY is the one it was stored with, or it is added again',
        { account: row.name, account_id: row.id, error },
      );
      return null;
    }
  }

  #upstream(accountId: string, baseUrl: string): Upstream {
    const { origin } = new URL(baseUrl);
    const known = this.#upstreams.get(accountId);
    if (known?.origin === origin) return known.upstream;
    void known?.upstream.close();
    const { connectTimeoutMs, faults } = this.#parts;
    let connections = this.#connections.get(origin);
    if (connections === undefined) this.#connections.set(origin, (connections = new Connections({ origin, connectTimeoutMs })));
    const reached = new HttpUpstream(connections);
    const upstream = faults === null ? reached : faultyUpstream(reached, faults);
    this.#upstreams.set(accountId, { origin, upstream });
    return upstream;
  }
}

/** Whether an account still presents itself as it did; one that is new, or is back, does not. */
function isSameCredential(before: Account | undefined, { headers }: Account): boolean {
  return before !== undefined && before.headers.length === headers.length && before.headers.every((header, i) => header === headers[i]);
}
