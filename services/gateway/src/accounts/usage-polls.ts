import { UpstreamFailure } from '@switchyard/contracts';
import type { UpstreamCall } from '@switchyard/contracts';
import { collectBody } from '../attempt/collect-body.ts';
import type { Account, Snapshot } from '../choice/account.ts';
import { quotaFromUsage } from '../choice/read-quota.ts';
import type { QuotaReading } from '../choice/read-quota.ts';

export interface UsagePollsParts {
  readonly snapshot: () => Snapshot;
  /** For how long this account has been blocked, milliseconds; null when it is not. */
  readonly blockedForMs: (slot: number) => number | null;
  readonly observe: (slot: number, reading: QuotaReading) => void;
  /** Looks for a better credential after it was refused. */
  readonly recover: (account: Account) => Promise<unknown>;
  readonly wallClockMs: () => number;
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
}

/** How often each account is asked, and how soon after a refusal for its quota (product section 3). */
const EVERY_MS = 300_000;
const AFTER_BLOCK_MS = 5_000;
/** Polls that begin in one tick at least; more when there are so many accounts that all must have their turn. */
const AT_ONCE = 2;
const TIMEOUT_MS = 10_000;
const MAX_BYTES = 65_536;

/**
 * Asks accounts that are ChatGPT logins what is left of their quota, aside from all requests. What it learns counts less than what answers tell,
 * and what it does not learn changes nothing.
 */
export class UsagePolls {
  readonly #parts: UsagePollsParts;
  /** When each account was asked last, monotonic, by id. */
  readonly #askedMs = new Map<string, number>();
  readonly #running = new Map<Promise<void>, UpstreamCall>();
  #isClosed = false;

  constructor(parts: UsagePollsParts) {
    this.#parts = parts;
  }

  /** Begins what is due; to be called once a second. */
  tick(): void {
    const { snapshot, blockedForMs } = this.#parts;
    const { plain, accounts } = snapshot();
    if (plain === null || this.#isClosed) return;
    const nowMs = this.#parts.nowMs();
    if (this.#askedMs.size > 2 * accounts.length) this.#forgetGone(snapshot());
    const most = AT_ONCE + Math.ceil((accounts.length * 1_000) / EVERY_MS);
    for (const account of accounts) {
      if (account.kind !== 'chatgpt') continue;
      if (this.#running.size >= most) return;
      const agoMs = nowMs - (this.#askedMs.get(account.id) ?? -Infinity);
      const sinceBlockMs = (blockedForMs(account.slot) ?? -1) - AFTER_BLOCK_MS;
      if (agoMs < EVERY_MS && !(sinceBlockMs >= 0 && agoMs > sinceBlockMs)) continue;
      this.#askedMs.set(account.id, nowMs);
      const call = this.#dispatch(account);
      const poll = this.#take(call, account).finally(() => this.#running.delete(poll));
      this.#running.set(poll, call);
    }
  }

  #forgetGone({ byId }: Snapshot): void {
    for (const id of this.#askedMs.keys()) if (!byId.has(id)) this.#askedMs.delete(id);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const call of this.#running.values()) call.abort();
    await Promise.all(this.#running.keys());
  }

  #dispatch({ upstream, basePath, headers }: Account): UpstreamCall {
    return upstream.dispatch({
      method: 'GET',
      path: usagePath(basePath),
      headers: [...headers, 'accept', 'application/json', 'accept-encoding', 'identity'],
      body: null,
      headTimeoutMs: TIMEOUT_MS,
      idleTimeoutMs: TIMEOUT_MS,
    });
  }

  /** Never rejects. */
  async #take(call: UpstreamCall, account: Account): Promise<void> {
    const { observe, recover, wallClockMs } = this.#parts;
    try {
      const answer = await call.answer;
      const body = Buffer.concat((await collectBody(answer, MAX_BYTES)).front);
      if (answer.status === 401) await recover(account);
      const reading = answer.status === 200 ? quotaFromUsage(body.toString(), wallClockMs()) : null;
      if (reading !== null) observe(account.slot, reading);
    } catch (error) {
      // Whoever cannot be asked now is asked again; requests find out by themselves what is wrong with it.
      if (!(error instanceof UpstreamFailure)) throw error;
    } finally {
      call.abort();
    }
  }
}

/** Beside the models' path, not below it: `/backend-api/wham/usage` for `/backend-api/codex` (codex-protocol section 6). */
function usagePath(basePath: string): string {
  return `${basePath.replace(/\/[^/]*$/, '')}/wham/usage`;
}
