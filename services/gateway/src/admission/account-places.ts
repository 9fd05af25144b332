import type { Account } from '../choice/account.ts';
import type { LiveFigures } from '../choice/live-figures.ts';
import type { Taken } from '../exchange.ts';
import type { Gate, ShedReason } from './gate.ts';
import { takePlace } from './lease.ts';
import type { ShedRank } from './shed.ts';
import { WaitLine } from './wait-line.ts';
import type { Waiter, WaitingRoom } from './waiting-room.ts';

export interface AccountPlacesOptions {
  readonly live: LiveFigures;
  readonly room: WaitingRoom;
  readonly gate: Pick<Gate, 'makeRoom'>;
  readonly onShed: (exchange: Taken, why: ShedReason) => void;
}

/** Whether a request would take a place at an account that has come free, given by its slot: that account, or null. */
export type MayTake = (slot: number) => Account | null;

interface Wish {
  readonly mayTake: MayTake;
  given: Account | null;
}

/**
 * Waiting for a place at an account that has as many requests as it may. A place that comes free is handed to who waited longest for that
 * account, and counted for it at once, so that nobody who comes later can be faster.
 * @see product section 5
 */
export class AccountPlaces {
  readonly #options: AccountPlacesOptions;
  readonly #line = new WaitLine<Waiter>();
  readonly #wishes = new Map<Waiter, Wish>();

  constructor(options: AccountPlacesOptions) {
    this.#options = options;
    options.live.onFreed = (slot) => this.#freed(slot);
  }

  /** Requests that wait for a place at an account. */
  get waiting(): number {
    return this.#line.length;
  }

  /**
   * Waits for a place at an account, within what is left of the request's wait.
   * @param rank  What the request is in the order in which work gives way; null when it gives way to nobody, for only its owner can continue it.
   * @returns the account, at which the exchange holds a place now; null when none came free in time, or the client has left
   */
  async wait(exchange: Taken, mayTake: MayTake, rank: ShedRank | null): Promise<Account | null> {
    const { room, gate, onShed } = this.#options;
    if (room.isFull && !gate.makeRoom(rank)) {
      onShed(exchange, 'queue_full');
      return null;
    }
    const waiter = room.join(exchange, this.#line);
    const wish: Wish = { mayTake, given: null };
    this.#wishes.set(waiter, wish);
    const how = await waiter.over;
    this.#wishes.delete(waiter);
    if (how === 'timed_out') onShed(exchange, 'account_full');
    return wish.given;
  }

  #freed(slot: number): void {
    const { live, room } = this.#options;
    for (let waiter = this.#line.first; waiter !== null; waiter = waiter.behind) {
      const wish = this.#wishes.get(waiter)!;
      const account = wish.mayTake(slot);
      if (account === null) continue;
      wish.given = account;
      takePlace(waiter.exchange, account, live);
      room.end(waiter, 'admitted');
      return;
    }
  }
}
