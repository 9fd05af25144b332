import type { Kysely } from 'kysely';
import type { CodexLogin } from '@switchyard/contracts';
import type { Logger } from '@switchyard/observability';
import type { Vault } from '@switchyard/security';
import type { Account, Snapshot } from '../choice/account.ts';
import { endLogin, holdingLogin, replaceLogin } from '../store/logins.ts';
import type { LoginRow } from '../store/logins.ts';
import type { DB } from '../store/schema.gen.ts';
import { openLogin, sealLogin } from './account-secrets.ts';
import { CHATGPT_TOKEN_URL } from './renew-login.ts';
import type { Renewal, RenewalReason } from './renew-login.ts';

/** A login as the registry has loaded it. */
export interface LoadedLogin {
  readonly accountId: string;
  readonly name: string;
  readonly accessToken: string;
  /** Epoch milliseconds; Infinity when only a refusal can tell. */
  readonly renewAtMs: number;
  readonly state: 'ok' | 'needs_login';
  readonly codexHome: string | null;
}

/** How a try to get better tokens ended: new ones, those of another process or of the Codex home, none for good, none now. */
export const RENEWAL_RESULTS = ['renewed', 'adopted', 'refused', 'failed'] as const;
export type RenewalResult = (typeof RENEWAL_RESULTS)[number];

export interface CredentialKeeperParts {
  readonly db: Kysely<DB>;
  readonly vault: Vault;
  readonly snapshot: () => Snapshot;
  readonly logins: () => readonly LoadedLogin[];
  /** Asks the issuer; never rejects. */
  readonly renew: (login: CodexLogin, tokenUrl: string, reason: RenewalReason) => Promise<Renewal>;
  /** The login that lies in a Codex home now. */
  readonly readHome: (home: string) => CodexLogin | null;
  /** Reads an account anew. */
  readonly applied: (accountId: string) => Promise<void>;
  readonly onResult: (result: RenewalResult) => void;
  readonly wallClockMs: () => number;
  readonly nowMs: () => number;
  readonly log: Logger;
}

/** Renewals at once: each holds a connection to the database while it asks the issuer. */
const MOST_AT_ONCE = 2;
/** An issuer that did not answer is left alone for so long, doubled each time. */
const PAUSE_MS = { first: 2_000, most: 60_000 };
/** A login that is refused so soon after it was renewed is refused for another reason; renewing it again would only spend tokens. */
const JUST_RENEWED_MS = 10_000;
/** The row of an account with an API key is read anew at most this often. */
const REREAD_MS = 1_000;
/** How often the Codex homes of accounts that need a login are looked into. */
const LOOK_HOME_MS = 15_000;

/**
 * Keeps credentials good: renews ChatGPT logins before they end and when they are refused, once for all processes on the database, and finds
 * out whether a refused credential has been replaced meanwhile.
 * @see product section 3, codex-protocol section 8.2, fault rows C09 and C21
 */
export class CredentialKeeper {
  readonly #parts: CredentialKeeperParts;
  readonly #running = new Map<string, Promise<void>>();
  readonly #pauses = new Map<string, { readonly untilMs: number; readonly pauseMs: number }>();
  // Tokens that an issuer has given out and the database did not take: the refresh token before them is spent, so they are all there is.
  readonly #unsaved = new Map<string, { readonly row: LoginRow; readonly login: CodexLogin }>();
  readonly #rereads = new Map<string, { readonly atMs: number; readonly done: Promise<void> }>();
  #lookedMs = 0;
  #isClosed = false;

  constructor(parts: CredentialKeeperParts) {
    this.#parts = parts;
  }

  /**
   * Looks for a better credential after an account has refused its own.
   * @param refused  The account as it was when it was asked.
   * @returns the account with the credential that it has now; null when that is the one that was refused. Never rejects
   */
  async recover(refused: Account): Promise<Account | null> {
    const replaced = this.#replacementOf(refused);
    if (replaced !== null) return replaced;
    try {
      if (refused.kind === 'chatgpt') await this.#renew(refused.id, tokenOf(refused), 'unauthorized_recovery');
      else if (refused.source === 'api') await this.#readAnew(refused.id);
    } catch (error) {
      this.#parts.log.warn('credential_not_read_anew', 'A refused credential could not be looked up; the account is put aside', {
        account: refused.name,
        account_id: refused.id,
        error,
      });
    }
    return this.#replacementOf(refused);
  }

  /** Begins what is due: tokens that end soon, tokens that could not be stored, Codex homes in which somebody has signed in again. */
  tick(): void {
    const { logins, readHome, wallClockMs, nowMs } = this.#parts;
    if (this.#isClosed || this.#running.size >= MOST_AT_ONCE) return;
    const looksHome = nowMs() - this.#lookedMs >= LOOK_HOME_MS;
    if (looksHome) this.#lookedMs = nowMs();
    for (const { accountId, accessToken, renewAtMs, state, codexHome } of logins()) {
      if (this.#running.size >= MOST_AT_ONCE) return;
      // Tokens of ours count in whatever state the account is: another process that had only the spent ones has ended the login for it.
      const isDue =
        this.#unsaved.has(accountId) ||
        (state === 'ok' ? renewAtMs <= wallClockMs() : looksHome && codexHome !== null && isOther(readHome(codexHome), accessToken));
      if (isDue) void this.#renew(accountId, accessToken, 'proactive_expiry').catch(() => {}); // told where it failed, and tried again
    }
  }

  /** Begins nothing any more, and waits for what is running: a refresh token that has been sent is spent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.allSettled(this.#running.values());
  }

  #replacementOf(refused: Account): Account | null {
    const now = this.#parts.snapshot().byId.get(refused.id);
    return now !== undefined && now.baseUrl === refused.baseUrl && now.headers.join('\n') !== refused.headers.join('\n') ? now : null;
  }

  #readAnew(accountId: string): Promise<void> {
    const nowMs = this.#parts.nowMs();
    const last = this.#rereads.get(accountId);
    if (last !== undefined && nowMs - last.atMs < REREAD_MS) return last.done;
    const done = this.#parts.applied(accountId);
    this.#rereads.set(accountId, { atMs: nowMs, done });
    return done;
  }

  /** One at a time for each account; whoever comes meanwhile shares it. */
  async #renew(accountId: string, seen: string, reason: RenewalReason): Promise<void> {
    const { nowMs } = this.#parts;
    while (!this.#isClosed) {
      const running = this.#running.get(accountId);
      if (running !== undefined) return running;
      if ((this.#pauses.get(accountId)?.untilMs ?? 0) > nowMs()) return;
      if (this.#running.size < MOST_AT_ONCE) break;
      await Promise.allSettled([Promise.race(this.#running.values())]);
    }
    if (this.#isClosed) return;
    const flight = this.#renewNow(accountId, seen, reason).finally(() => this.#running.delete(accountId));
    this.#running.set(accountId, flight);
    return flight;
  }

  async #renewNow(accountId: string, seen: string, reason: RenewalReason): Promise<void> {
    const { db, applied, onResult, log } = this.#parts;
    let result: RenewalResult | null;
    try {
      result = await holdingLogin(db, accountId, (row, transaction) => this.#better(row, transaction, seen, reason));
    } catch (error) {
      result = 'failed';
      log.warn('login_not_renewed', 'The tokens of an account could not be renewed, because the database did not answer; it is tried again', {
        account_id: accountId,
        error,
      });
    }
    if (result === null) return;
    onResult(result);
    if (result === 'failed') this.#pause(accountId);
    else {
      this.#pauses.delete(accountId);
      this.#unsaved.delete(accountId);
      await applied(accountId);
    }
  }

  /** What is best for a login whose tokens are not good, or not for long. @returns null when there is nothing to be done */
  async #better(row: LoginRow | undefined, db: Kysely<DB>, seen: string, reason: RenewalReason): Promise<RenewalResult | null> {
    const { vault, renew, readHome, wallClockMs, log } = this.#parts;
    if (row === undefined || row.credential === null) return null;
    const about = { account: row.name, account_id: row.id };
    const unsaved = this.#unsaved.get(row.id);
    if (unsaved !== undefined) {
      if (await replaceLogin(db, unsaved.row, sealLogin(vault, row.id, unsaved.login))) return 'renewed';
      this.#unsaved.delete(row.id); // there are others since
    }
    const login = openLogin(vault, row);
    const isOk = row.login_state === 'ok';
    // Another process was first (fault row C21).
    if (isOk && login.access_token !== seen) return 'adopted';
    const home = row.codex_home === null ? null : readHome(row.codex_home);
    const isForUs = home !== null && home.account_id === login.account_id && home.refresh_token !== login.refresh_token;
    // Whoever renewed it there has spent our refresh token.
    if (isForUs && (!isOk || isNewer(home, login))) return this.#adopt(row, db, home);
    if (!isOk || (reason === 'unauthorized_recovery' && row.login_generation > 0 && Math.abs(wallClockMs() - renewedMs(login)) < JUST_RENEWED_MS)) return null;
    const renewal = await renew(login, row.token_url ?? CHATGPT_TOKEN_URL, reason);
    switch (renewal.is) {
      case 'renewed':
        this.#unsaved.set(row.id, { row, login: renewal.login });
        await replaceLogin(db, row, sealLogin(vault, row.id, renewal.login));
        log.info('login_renewed', 'The tokens of an account were renewed', { ...about, reason });
        return 'renewed';
      case 'refused':
        if (isForUs) return this.#adopt(row, db, home);
        await endLogin(db, row.id);
        log.error('login_ended', 'The login of an account is not good any more; it is left out until somebody signs in again', {
          ...about,
          code: renewal.code,
          remedy:
            row.codex_home === null
              ? 'Remove the account and add it again.'
              : `Sign in again in the Codex home that it was added from (CODEX_HOME=${row.codex_home} codex login).`,
        });
        return 'refused';
      case 'failed':
        log.warn('login_not_renewed', 'The tokens of an account could not be renewed; it is tried again', { ...about, reason: renewal.why });
        return 'failed';
    }
  }

  async #adopt(row: LoginRow, db: Kysely<DB>, home: CodexLogin): Promise<RenewalResult> {
    await replaceLogin(db, row, sealLogin(this.#parts.vault, row.id, home));
    this.#parts.log.info('login_adopted', 'The tokens of an account were taken from the Codex home that it was added from', {
      account: row.name,
      account_id: row.id,
    });
    return 'adopted';
  }

  #pause(accountId: string): void {
    const before = this.#pauses.get(accountId)?.pauseMs ?? 0;
    const pauseMs = Math.min(PAUSE_MS.most, before * 2 || PAUSE_MS.first);
    this.#pauses.set(accountId, { untilMs: this.#parts.nowMs() + pauseMs, pauseMs });
  }
}

function tokenOf({ headers }: Account): string {
  return headers[headers.indexOf('authorization') + 1]!.slice('Bearer '.length);
}

function isOther(home: CodexLogin | null, accessToken: string): boolean {
  return home !== null && home.access_token !== accessToken;
}

function isNewer(a: CodexLogin, b: CodexLogin): boolean {
  return renewedMs(a) > renewedMs(b);
}

function renewedMs({ last_refresh: renewed }: CodexLogin): number {
  return renewed === null ? 0 : Date.parse(renewed);
}
