import type { FaultBudget, Upstream } from '@switchyard/contracts';
import type { Kysely } from 'kysely';
import type { Logger } from '@switchyard/observability';
import type { Vault } from '@switchyard/security';
import { faultyUpstream } from '../attempt/faulty-upstream.ts';
import { HttpUpstream } from '../attempt/http-upstream.ts';
import { renewLoginAtMs } from '@switchyard/contracts';
import type { CodexLogin } from '@switchyard/contracts';
import { makeSnapshot } from '../choice/account.ts';
import type { Account, AccountKind, AccountSource, Snapshot } from '../choice/account.ts';
import type { LiveFigures } from '../choice/live-figures.ts';
import { listAccounts } from '../store/accounts.ts';
import type { AccountRow } from '../store/accounts.ts';
import type { DB } from '../store/schema.gen.ts';
import { accountHeaders, basePathOf } from './account-draft.ts';
import { openSecrets } from './account-secrets.ts';
import type { AccountSecrets } from './account-secrets.ts';
import type { LoadedLogin } from './credential-keeper.ts';

export interface RegistryParts {
  readonly db: Kysely<DB>;
  readonly vault: Vault;
  readonly live: LiveFigures;
  readonly connectTimeoutMs: number;
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

/**
 * The accounts of the hot path. Rows are read anew on each change and made into a new snapshot; an account that has not changed keeps
 * its connections. Credentials of accounts declared in a file or built in are handed over by name and never stored.
 */
export class AccountRegistry {
  readonly #parts: RegistryParts;
  readonly #upstreams = new Map<string, { readonly origin: string; readonly upstream: Upstream }>();
  #declared: ReadonlyMap<string, DeclaredAccount> = new Map();
  #snapshot: Snapshot = makeSnapshot(0, []);
  #known: ReadonlySet<string> = new Set();
  #logins: readonly LoadedLogin[] = [];
  #loading: Promise<void> = Promise.resolve();

  constructor(parts: RegistryParts) {
    this.#parts = parts;
  }

  get snapshot(): Snapshot {
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

  async close(): Promise<void> {
    await Promise.all([...this.#upstreams.values()].map(({ upstream }) => upstream.close()));
    this.#upstreams.clear();
  }

  async #loadNow(): Promise<void> {
    const rows = await listAccounts(this.#parts.db);
    const logins: LoadedLogin[] = [];
    const loaded = rows.map((row) => this.#account(row, logins)).filter((account) => account !== null);
    const needsLogin = new Set(logins.filter(({ state }) => state === 'needs_login').map(({ accountId }) => accountId));
    this.#known = new Set(rows.map(({ id }) => id));
    this.#logins = logins;
    const before = this.#snapshot.byId;
    this.#snapshot = makeSnapshot(
      this.#snapshot.version + 1,
      loaded.filter(({ id }) => !needsLogin.has(id)),
      loaded.filter(({ id }) => needsLogin.has(id)),
    );
    const kept = new Set(loaded.map(({ id }) => id));
    this.#parts.live.adopt(this.#snapshot);
    for (const account of this.#snapshot.accounts) if (!isSameCredential(before.get(account.id), account)) this.#parts.live.trustAnew(account.slot);
    for (const [id, { upstream }] of this.#upstreams) {
      if (kept.has(id)) continue;
      this.#upstreams.delete(id);
      // Requests still running on it end with it: its owner has taken the account away.
      void upstream.close();
    }
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
      models: row.models,
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
    const reached = new HttpUpstream({ origin, connectTimeoutMs });
    const upstream = faults === null ? reached : faultyUpstream(reached, faults);
    this.#upstreams.set(accountId, { origin, upstream });
    return upstream;
  }
}

/** Whether an account still presents itself as it did; one that is new, or is back, does not. */
function isSameCredential(before: Account | undefined, { headers }: Account): boolean {
  return before !== undefined && before.headers.length === headers.length && before.headers.every((header, i) => header === headers[i]);
}
