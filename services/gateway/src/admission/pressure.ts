/** What tells that there is more to do than can be done. A closed list: it labels metrics. */
export const PRESSURE_SIGNS = ['refused', 'waiting', 'loop', 'journal'] as const;
export type PressureSign = (typeof PRESSURE_SIGNS)[number];

/** Longest delay of the event loop, one in a hundred excepted, at which the process keeps up; and how many readings it takes to say so: one long step is none. */
export const LOOP_DELAY_MS = 100;
const SLOW_READINGS = 2;
/** Rows that the database has not taken; by then it is seconds behind. */
export const JOURNAL_ROWS = 10_000;
/** How long after a refusal new work is held back, so that those who come again find room. */
export const REFUSED_MS = 3_000;

/** The figures that pressure is seen by, beside what admission itself does. */
export interface LoadFigures {
  /** 99th percentile of the delay of the event loop since the last reading, in milliseconds. */
  readonly loopDelayMs: number;
  /** Rows that wait for the database. */
  readonly journalRows: number;
}

/**
 * How hard the server is pressed. Read at every request, so it is kept as plain fields; worked out when something happens, and once a
 * second for what passes by itself.
 * @see product section 5
 */
export class Pressure {
  readonly #nowMs: () => number;
  readonly #steps: Record<PressureSign, number> = { refused: 0, waiting: 0, loop: 0, journal: 0 };
  #refusedUntilMs = -Infinity;
  #slowReadings = 0;
  /** So many ranks of the shedding order are turned away at once, without waiting. */
  step = 0;
  /** Whether waits and searches for an account are cut short. A database that lags does not: it is no client's concern. */
  isOn = false;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** How many ranks one sign alone turns away. */
  of(sign: PressureSign): number {
    return this.#steps[sign];
  }

  /** Work for which there was no room in time was refused. */
  refused(): void {
    this.#refusedUntilMs = this.#nowMs() + REFUSED_MS;
    this.#set('refused', 1);
  }

  /** So many of those who may wait do. */
  waiting(count: number, max: number): void {
    this.#set('waiting', count * 4 > max * 3 ? 2 : count * 2 > max ? 1 : 0);
  }

  /** To be called about once a second. */
  tick({ loopDelayMs, journalRows }: LoadFigures): void {
    if (this.#nowMs() >= this.#refusedUntilMs) this.#set('refused', 0);
    this.#slowReadings = loopDelayMs > LOOP_DELAY_MS ? this.#slowReadings + 1 : 0;
    this.#set('loop', this.#slowReadings >= SLOW_READINGS ? 1 : 0);
    this.#set('journal', journalRows > JOURNAL_ROWS ? 2 : 0);
  }

  #set(sign: PressureSign, step: number): void {
    const steps = this.#steps;
    if (steps[sign] === step) return;
    steps[sign] = step;
    this.step = Math.max(steps.refused, steps.waiting, steps.loop, steps.journal);
    this.isOn = steps.refused + steps.waiting + steps.loop > 0;
  }
}
