import { SwitchyardError } from '@switchyard/contracts';
import type { Lane } from '../routes.ts';

/** Share of the active requests that one lane may take (product section 5). */
const LANE_SHARE: Readonly<Record<Lane, number>> = { responses: 0.75, compact: 0.25, websocket: 0.75, standard: 0.5 };

/** Counts requests in progress and refuses the ones above the limits. A slot is given back exactly once, by `release`. */
export class Slots {
  readonly #maxActive: number;
  readonly #inFlight: Record<Lane, number> = { responses: 0, compact: 0, websocket: 0, standard: 0 };
  #total = 0;

  /** @param maxActive  Requests in progress, over all lanes. */
  constructor(maxActive: number) {
    this.#maxActive = maxActive;
  }

  /** Requests in progress over all lanes. */
  get total(): number {
    return this.#total;
  }

  inFlight(lane: Lane): number {
    return this.#inFlight[lane];
  }

  /** @throws SwitchyardError `server_is_overloaded` */
  take(lane: Lane): void {
    if (this.#total >= this.#maxActive) throw new SwitchyardError('server_is_overloaded', `All ${this.#maxActive} request slots are taken.`);
    const laneMax = Math.max(1, Math.floor(this.#maxActive * LANE_SHARE[lane]));
    if (this.#inFlight[lane] >= laneMax) throw new SwitchyardError('server_is_overloaded', `All ${laneMax} request slots of the lane "${lane}" are taken.`);
    this.#inFlight[lane]++;
    this.#total++;
  }

  release(lane: Lane): void {
    this.#inFlight[lane]--;
    this.#total--;
  }
}
