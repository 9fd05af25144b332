import type { Kysely } from 'kysely';
import type { Vault } from '@switchyard/security';
import type { DB } from '../store/schema.gen.ts';

/** What a change needs, whether a running server makes it or the command line does with the server stopped. */
export interface Control {
  readonly db: Kysely<DB>;
  readonly vault: Vault;
  readonly wallClockMs: () => number;
  readonly connectTimeoutMs: number;
  /** Aborted when whoever made this closes: what is being asked of an upstream then ends, too. */
  readonly closing: AbortSignal;
  /** Names of the accounts that this process declares (file or built in); with the server stopped, those that a start would declare. */
  readonly declaredNames: () => ReadonlySet<string>;
  /** Names of the pools that it declares. */
  readonly pools: readonly string[];
  /**
   * Makes the change effective in this process before the caller is answered; other processes are told by the database.
   * @param accountId  The one account that has changed, when it is only that.
   */
  readonly applied: (accountId?: string) => Promise<void>;
}
