import { LOOK_AHEAD_MS } from './hold-list.ts';
import type { After } from './pause.ts';

/** How often is looked for openings that have been held long enough; so one may be held that much longer. */
const SWEEP_MS = 100;

/** An opening that is being held. */
export interface Held {
  timeUp(): void;
}

/** All openings that are being held now, under one timer: one for each would cost every stream that begins with a held event. */
export class Holds {
  readonly #untilMs = new Map<Held, number>(); // in the order in which they fall due
  readonly #nowMs: () => number;
  readonly #after: After;
  #isSweeping = false;

  constructor(nowMs: () => number, after: After) {
    this.#nowMs = nowMs;
    this.#after = after;
  }

  get size(): number {
    return this.#untilMs.size;
  }

  add(held: Held): void {
    this.#untilMs.set(held, this.#nowMs() + LOOK_AHEAD_MS);
    if (this.#isSweeping) return;
    this.#isSweeping = true;
    this.#after(SWEEP_MS, () => this.#sweep());
  }

  delete(held: Held): void {
    this.#untilMs.delete(held);
  }

  #sweep(): void {
    const nowMs = this.#nowMs();
    for (const [held, untilMs] of this.#untilMs) {
      if (untilMs > nowMs) break;
      this.#untilMs.delete(held);
      held.timeUp();
    }
    this.#isSweeping = this.#untilMs.size > 0;
    if (this.#isSweeping) this.#after(SWEEP_MS, () => this.#sweep());
  }
}
