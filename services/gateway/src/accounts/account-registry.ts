import type { Kysely } from 'kysely';
import type { Logger } from '@switchyard/observability';
import type { Vault } from '@switchyard/security';
import type { Account, OffAccount } from '../choice/account.ts';
import type { LiveFigures } from '../choice/live-figures.ts';
import { makeTable } from '../choice/pool.ts';
import type { AccountTable, PoolRules } from '../choice/pool.ts';
import { accountVersions, readAccounts } from '../store/accounts.ts';
import type { UsedAccount } from '../store/accounts.ts';
import type { DB } from '../store/schema.gen.ts';
import { accountOfRow } from './account-of-row.ts';
import type { DeclaredAccount, LoadedAccount } from './account-of-row.ts';
import { openSecrets } from './account-secrets.ts';
import type { LoadedLogin } from './credential-keeper.ts';
import { ModelLimits } from './model-limits.ts';
import { Upstreams } from './upstreams.ts';
import type { UpstreamsParts } from './upstreams.ts';

export interface RegistryParts extends UpstreamsParts {
  readonly db: Kysely<DB>;
  readonly vault: Vault;
  /** With an order for each of the pools. */
  readonly live: LiveFigures;
  readonly pools?: readonly PoolRules[];
  /** By alias. */
  readonly aliases?: Readonly<Record<string, string>>;
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
  readonly log: Logger;
}

const REBUILT_MS = 1_000;

/** What is otherwise in the database than in memory: ids, and the rows of those that have changed. */
interface AccountChanges {
  readonly gone: readonly string[];
  readonly changed: readonly string[];
  readonly rows: Awaited<ReturnType<typeof readAccounts>>;
}

/** What came of a row. */
interface Loaded {
  readonly version: string;
  readonly name: string;
  /** Null when this process cannot use the account. */
  readonly loaded: LoadedAccount | null;
}

/**
 * The accounts of the hot path. What has changed is read anew, and its credential opened, on each change, and a new snapshot is made; an account
 * that has not changed stays as it is, with its connections. Credentials of accounts declared in a file or built in are handed over by name and
 * never stored.
 */
export class AccountRegistry {
  readonly #parts: RegistryParts;
  readonly #upstreams: Upstreams;
  #declared: ReadonlyMap<string, DeclaredAccount> = new Map();
  /** By id. */
  readonly #loaded = new Map<string, Loaded>();
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
    this.#upstreams = new Upstreams(parts);
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
    this.#loaded.clear();
  }

  /** Names of the accounts that this process declares. */
  get declaredNames(): ReadonlySet<string> {
    return new Set(this.#declared.keys());
  }

  /**
   * Reads what has changed of the accounts and replaces the snapshot. Calls are done one after the other, so the last change always wins.
   * @param ids  Only these are looked at; null is all.
   */
  load(ids: readonly string[] | null = null): Promise<void> {
    const next = this.#loading.then(() => this.#loadNow(ids));
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

  /** Has an account serve every model again that it had no quota for. */
  liftLimits(accountId: string): void {
    if (this.#limits.lift(accountId)) this.#build();
  }

  /** Has accounts serve again what they had no quota for; to be called once a second. */
  tick(): void {
    if (this.#limits.end(this.#parts.nowMs()) || this.#isDue) this.#build();
  }

  close(): Promise<void> {
    return this.#upstreams.close();
  }

  async #loadNow(ids: readonly string[] | null): Promise<void> {
    const { gone, changed, rows } = ids === null && this.#loaded.size === 0 ? await this.#readAll() : await this.#readChanged(ids);
    if (gone.length === 0 && changed.length === 0 && this.#snapshot.version > 0) return;
    for (const id of gone) this.#loaded.delete(id);
    for (const row of rows) this.#loaded.set(row.id, { version: row.version, name: row.name, loaded: this.#load(row) });
    this.#adopt();
    // Requests still running on one of these end with it: its owner has taken the account away.
    this.#upstreams.end([...gone, ...changed].filter((id) => !this.#isUsable(id)));
  }

  async #readAll(): Promise<AccountChanges> {
    const rows = await readAccounts(this.#parts.db, null);
    return { gone: [], changed: rows.map(({ id }) => id), rows };
  }

  async #readChanged(ids: readonly string[] | null): Promise<AccountChanges> {
    const { db } = this.#parts;
    const versions = await accountVersions(db, ids);
    const gone = [...(ids ?? this.#loaded.keys())].filter((id) => this.#loaded.has(id) && !versions.has(id));
    const changed = [...versions.keys()].filter((id) => this.#loaded.get(id)?.version !== versions.get(id));
    return { gone, changed, rows: changed.length === 0 ? [] : await readAccounts(db, changed) };
  }

  #isUsable(id: string): boolean {
    return (this.#loaded.get(id)?.loaded ?? null) !== null;
  }

  /** Takes over what has been read. */
  #adopt(): void {
    this.#known = new Set(this.#loaded.keys());
    const loaded = [...this.#loaded.values()].flatMap((each) => each.loaded ?? []);
    this.#logins = loaded.flatMap(({ login }) => login ?? []);
    const accountsOf = (isOff: boolean): Account[] => loaded.filter(({ login }) => (login?.state === 'needs_login') === isOff).map(({ account }) => account);
    this.#usable = accountsOf(false);
    this.#off = accountsOf(true);
    const before = this.#snapshot.byId;
    this.#build();
    this.#noteMissing();
    for (const account of this.#snapshot.accounts) if (!isSameCredential(before.get(account.id), account)) this.#parts.live.trustAnew(account.slot);
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
  #noteMissing(): void {
    const { pools, log } = this.#parts;
    if (pools === undefined) return;
    const names = new Set([...this.#loaded.values()].map(({ name }) => name));
    const missing = pools.flatMap(({ name, accounts }) => (accounts ?? []).filter((account) => !names.has(account)).map((account) => `${account} in ${name}`));
    const told = missing.join(', ');
    if (told !== '' && told !== this.#missing) log.warn('pool_accounts_missing', `Pools of switchyard.toml name accounts that there are not: ${told}`);
    this.#missing = told;
  }

  #load(row: UsedAccount): LoadedAccount | null {
    const own = row.source === 'api' ? this.#stored(row) : (this.#declared.get(row.name) ?? null);
    return own === null ? null : accountOfRow(row, own, this.#parts.live.slotOf(row.id), this.#upstreams.of(row.id, own.baseUrl));
  }

  #stored(row: UsedAccount): DeclaredAccount | null {
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
}

/** Whether an account still presents itself as it did; one that is new, or is back, does not. */
function isSameCredential(before: Account | undefined, account: Account): boolean {
  if (before === account) return true;
  const { headers } = account;
  return before !== undefined && before.headers.length === headers.length && before.headers.every((header, i) => header === headers[i]);
}
