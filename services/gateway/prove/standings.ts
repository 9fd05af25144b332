import type { Asked, AttemptTrace, RequestTrace } from './history.ts';
import { QUOTA_S } from './upstream.ts';

/** After so long nothing is held against an account any more, whatever it did: a health at its worst decays for sixteen minutes. */
export const TROUBLE_MS = 1_200_000;

export interface StandingsClock {
  readonly nowMs: () => number;
  readonly wallClockMs: () => number;
  readonly place: () => number;
}

/** What gateways may hold against accounts, as far as it shows outside of them. */
export class Standings {
  readonly #clock: StandingsClock;
  readonly #troubledUntil: number[];
  /** On the wall clock. */
  readonly #quotaUntil: number[];
  /** Where each gateway last saw an account fail without having been served by it since. */
  readonly #doubts = new Map<string, number>();

  constructor(accounts: number, clock: StandingsClock) {
    this.#clock = clock;
    this.#troubledUntil = Array.from({ length: accounts }, () => 0);
    this.#quotaUntil = Array.from({ length: accounts }, () => 0);
  }

  /** Something was wrong with an account just now. */
  trouble(account: number): void {
    this.#troubledUntil[account] = this.#clock.nowMs() + TROUBLE_MS;
  }

  /** An account says that it is out of quota. */
  exhausted(account: number): void {
    // A second more than it says, so that whoever was told some moments later is done with it, too.
    this.#quotaUntil[account] = Math.max(this.#quotaUntil[account]!, this.#clock.wallClockMs() + QUOTA_S * 1_000 + 1_000);
  }

  /** Whether an account may be taken to be out of quota. */
  mayBeExhausted(account: number): boolean {
    return this.#quotaUntil[account]! > this.#clock.wallClockMs();
  }

  /** Whether nobody can hold anything against an account, but for doubts. */
  isClear(account: number): boolean {
    return this.#troubledUntil[account]! < this.#clock.nowMs() && !this.mayBeExhausted(account);
  }

  /** Whether a gateway has not been served by an account since it failed: then it may send it one request at a time, as a probe. Each transport has its own. */
  isDoubted(life: number, account: number, asked: Asked): boolean {
    return this.#doubts.has(doubtOf(life, account, asked));
  }

  /** A gateway has seen an account fail. @param life  Undefined when that is not looked at any more */
  failed(account: number, life: number | undefined): void {
    this.trouble(account);
    if (life === undefined) return;
    // Of what happens between two rests a gateway may hear in another order.
    for (const asked of ['responses', 'turn'] as const) this.#doubts.set(doubtOf(life, account, asked), Infinity);
  }

  /** An attempt is over. @param request  What it was for; undefined when that is not looked at any more */
  note({ account, status, committedAt, end }: AttemptTrace, request: RequestTrace | undefined): void {
    const wentWell = status !== null && status < 300 && committedAt !== null && end !== 'cut' && end !== 'reset';
    if (!wentWell) return this.failed(account, request?.life);
    if (request === undefined) return;
    const doubt = doubtOf(request.life, account, request.asked);
    if (SERVING.has(request.asked) && committedAt > (this.#doubts.get(doubt) ?? Infinity)) this.#doubts.delete(doubt);
  }

  /** Everything that has happened has been heard of. */
  rested(): void {
    for (const [doubt, at] of this.#doubts) if (at === Infinity) this.#doubts.set(doubt, this.#clock.place());
  }

  /** So much time has gone by that nothing is held against anybody; doubts are those of gateways, and stay. */
  forgive(): void {
    this.#troubledUntil.fill(0);
    this.#quotaUntil.fill(0);
  }

  /** All gateways are new. */
  forget(): void {
    this.#doubts.clear();
  }
}

/** Of what shows that an account serves again. */
const SERVING: ReadonlySet<Asked> = new Set(['responses', 'chat', 'turn']);

function doubtOf(life: number, account: number, asked: Asked): string {
  return `${life} ${account} ${asked === 'turn' ? 'socket' : 'http'}`;
}
