import type { After } from '../attempt/pause.ts';
import type { Taken } from '../exchange.ts';
import type { Pressure } from './pressure.ts';
import type { InLine, WaitLine } from './wait-line.ts';

/** How a wait ends: with a place; with the time up; because another goes before; or because the client has left. A closed list: it labels metrics. */
export const WAIT_ENDS = ['admitted', 'timed_out', 'gave_way', 'left'] as const;
export type WaitEnd = (typeof WAIT_ENDS)[number];

export interface WaitingRoomOptions {
  /** So many may wait at once. */
  readonly max: number;
  /** The longest wait, and the longest under pressure, in milliseconds. */
  readonly waitMs: number;
  readonly pressedWaitMs: number;
  readonly pressure: Pressure;
  readonly nowMs: () => number;
  readonly after: After;
  /** Told of every end. */
  readonly onEnd: (exchange: Taken, end: WaitEnd) => void;
}

/** How often it is looked who has waited long enough, while anybody waits. */
const SWEEP_MS = 25;

/** An exchange that waits for a place. It holds its waiter in the place of a call, so that a client's leaving takes it out of the line. */
export class Waiter implements InLine<Waiter> {
  before: Waiter | null = null;
  behind: Waiter | null = null;
  readonly exchange: Taken;
  readonly line: WaitLine<Waiter>;
  /** Who came first has the smaller one, over all lines. */
  readonly order: number;
  readonly sinceMs: number;
  readonly dueMs: number;
  readonly over: Promise<WaitEnd>;
  readonly #room: WaitingRoom;
  #end: ((how: WaitEnd) => void) | null = null;

  constructor(room: WaitingRoom, exchange: Taken, line: WaitLine<Waiter>, order: number, sinceMs: number, dueMs: number) {
    this.#room = room;
    this.exchange = exchange;
    this.line = line;
    this.order = order;
    this.sinceMs = sinceMs;
    this.dueMs = dueMs;
    this.over = new Promise((resolve) => (this.#end = resolve));
  }

  get isOver(): boolean {
    return this.#end === null;
  }

  /** To be called by the room alone. */
  ended(how: WaitEnd): void {
    this.#end!(how);
    this.#end = null;
  }

  abort(): void {
    this.#room.end(this, 'left');
  }
}

/** Everybody who waits for a place, whatever the place. Nothing runs while nobody does. */
export class WaitingRoom {
  readonly #options: WaitingRoomOptions;
  /** Lines in which somebody stands. */
  readonly #lines = new Set<WaitLine<Waiter>>();
  #count = 0;
  #came = 0;
  #isSweeping = false;

  constructor(options: WaitingRoomOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#count;
  }

  get isFull(): boolean {
    return this.#count >= this.#options.max;
  }

  /** Begins a wait at the end of a line. What the exchange has waited before counts: one wait is all that a client is to have. */
  join(exchange: Taken, line: WaitLine<Waiter>): Waiter {
    const { pressure, nowMs, waitMs, pressedWaitMs, max } = this.#options;
    const sinceMs = nowMs();
    const budgetMs = pressure.isOn ? pressedWaitMs : waitMs;
    const waiter = new Waiter(this, exchange, line, this.#came++, sinceMs, sinceMs + budgetMs - exchange.waitedMs);
    exchange.call = waiter;
    line.join(waiter);
    this.#lines.add(line);
    pressure.waiting(++this.#count, max);
    this.#sweepLater();
    return waiter;
  }

  /** Ends a wait that is not over yet. */
  end(waiter: Waiter, how: WaitEnd): void {
    if (waiter.isOver) return;
    const { exchange, line } = waiter;
    const { pressure, nowMs, max, onEnd } = this.#options;
    line.leave(waiter);
    if (line.length === 0) this.#lines.delete(line);
    pressure.waiting(--this.#count, max);
    exchange.waitedMs += Math.ceil(nowMs() - waiter.sinceMs);
    exchange.call = null;
    onEnd(exchange, how);
    waiter.ended(how);
  }

  #sweepLater(): void {
    if (this.#isSweeping) return;
    this.#isSweeping = true;
    this.#options.after(SWEEP_MS, () => this.#sweep());
  }

  #sweep(): void {
    this.#isSweeping = false;
    const nowMs = this.#options.nowMs();
    for (const line of this.#lines) {
      for (let waiter = line.first; waiter !== null;) {
        const { behind } = waiter;
        if (waiter.dueMs <= nowMs) this.end(waiter, 'timed_out');
        waiter = behind;
      }
    }
    if (this.#count > 0) this.#sweepLater();
  }
}
