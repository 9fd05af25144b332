import type { Kysely } from 'kysely';
import type { Logger } from '@switchyard/observability';
import type { Vault } from '@switchyard/security';
import { HttpUpstream } from '../attempt/http-upstream.ts';
import { makeSnapshot } from '../choice/account.ts';
import type { Account, AccountKind, AccountSource, Snapshot } from '../choice/account.ts';
import type { LiveFigures } from '../choice/live-figures.ts';
import { listAccounts } from '../store/accounts.ts';
import type { AccountRow } from '../store/accounts.ts';
import type { DB } from '../store/schema.gen.ts';
import { accountHeaders, basePathOf } from './account-draft.ts';

export interface RegistryParts {
  readonly db: Kysely<DB>;
  readonly vault: Vault;
  readonly live: LiveFigures;
  readonly connectTimeoutMs: number;
  readonly log: Logger;
}

/** Sealed credentials are bound to their account, so that a row cannot lend its secret to another. */
export function credentialPlace(accountId: string): string {
  return `account:${accountId}:credential`;
}

/** What the row of a declared account does not hold, because it may be secret. */
export interface DeclaredSecrets {
  readonly credential: string | null;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * The accounts of the hot path. Rows are read anew on each change and made into a new snapshot; an account that has not changed keeps
 * its connections. Credentials of accounts declared in a file or built in are handed over by name and never stored.
 */
export class AccountRegistry {
  readonly #parts: RegistryParts;
  readonly #upstreams = new Map<string, { readonly origin: string; readonly upstream: HttpUpstream }>();
  #declared: ReadonlyMap<string, DeclaredSecrets> = new Map();
  #snapshot: Snapshot = makeSnapshot(0, []);
  #loading: Promise<void> = Promise.resolve();

  constructor(parts: RegistryParts) {
    this.#parts = parts;
  }

  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  /** Hands over the secrets of declared accounts by name; takes effect with the next `load`. A declared account without any is left out. */
  declare(secrets: ReadonlyMap<string, DeclaredSecrets>): void {
    this.#declared = secrets;
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
    const accounts = rows.map((row) => this.#account(row)).filter((account) => account !== null);
    this.#snapshot = makeSnapshot(this.#snapshot.version + 1, accounts);
    for (const [id, { upstream }] of this.#upstreams) {
      if (this.#snapshot.byId.has(id)) continue;
      this.#upstreams.delete(id);
      // Requests still running on it end with it: its owner has taken the account away.
      void upstream.close();
    }
  }

  #account(row: AccountRow): Account | null {
    const { live } = this.#parts;
    const secrets = row.source === 'api' ? this.#stored(row) : (this.#declared.get(row.name) ?? null);
    if (secrets === null) return null;
    const headers = accountHeaders({ ...secrets, organization: row.organization, project: row.project });
    return {
      id: row.id,
      name: row.name,
      kind: row.kind as AccountKind,
      source: row.source as AccountSource,
      baseUrl: row.base_url,
      models: row.models,
      createdAtMs: row.created_at.getTime(),
      priority: row.priority,
      slot: live.slotOf(row.id),
      headers,
      headerNames: new Set(headers.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase())),
      basePath: basePathOf(row.base_url),
      upstream: this.#upstream(row),
    };
  }

  #stored(row: AccountRow): DeclaredSecrets | null {
    try {
      return {
        credential: row.credential === null ? null : this.#parts.vault.open(row.credential, credentialPlace(row.id)),
        headers: row.headers as Record<string, string>,
      };
    } catch (error) {
      this.#parts.log.error(
        'account_credential_unreadable',
        'The credential of an account cannot be read; the account is left out until ENCRYPTION_KEY is the one it was stored with',
        { account: row.name, account_id: row.id, error },
      );
      return null;
    }
  }

  #upstream(row: AccountRow): HttpUpstream {
    const { origin } = new URL(row.base_url);
    const known = this.#upstreams.get(row.id);
    if (known?.origin === origin) return known.upstream;
    void known?.upstream.close();
    const upstream = new HttpUpstream({ origin, connectTimeoutMs: this.#parts.connectTimeoutMs });
    this.#upstreams.set(row.id, { origin, upstream });
    return upstream;
  }
}
