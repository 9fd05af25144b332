import type { History, RequestTrace } from './history.ts';
import type { Seen } from './seen.ts';

/** How many requests each gateway was trying again, and of how many, whenever it tried one more. */
export class Retries {
  noted: History['retrying'][number][] = [];
  /** Requests in progress at each gateway at most since the last rest: a retry that arrives was allowed some moments before. */
  readonly #mostRunning = new Map<number, number>();

  /** A request has been sent. */
  sent({ life }: RequestTrace, running: Iterable<RequestTrace>): void {
    let count = 0;
    for (const each of running) if (each.life === life) count++;
    this.#mostRunning.set(life, Math.max(this.#mostRunning.get(life) ?? 0, count));
  }

  /** A request is being tried again. Each gateway has a budget of its own. */
  began({ life }: RequestTrace, open: Iterable<Seen>): void {
    let active = 0;
    let retries = 0;
    for (const { trace, attempts } of open) {
      if (trace.life !== life || trace.end !== null) continue;
      active++;
      const last = attempts.at(-1);
      // A retry that waits before its head is in progress for certain.
      if (attempts.length > 1 && last!.status === null && last!.end === null) retries++;
    }
    this.noted.push({ active: Math.max(active, this.#mostRunning.get(life) ?? 0), retries });
  }

  rested(running: Iterable<RequestTrace>): void {
    this.#mostRunning.clear();
    for (const { life } of running) this.#mostRunning.set(life, (this.#mostRunning.get(life) ?? 0) + 1);
  }
}
