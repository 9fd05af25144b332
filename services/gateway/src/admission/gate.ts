import { SwitchyardError } from '@switchyard/contracts';
import type { Owner } from '../attempt/owner.ts';
import type { Taken } from '../exchange.ts';
import { LANES } from '../routes.ts';
import type { Lane } from '../routes.ts';
import type { Pressure } from './pressure.ts';
import { SHED_RANKS, shedRank } from './shed.ts';
import type { ShedRank } from './shed.ts';
import { WaitLine } from './wait-line.ts';
import type { Waiter, WaitingRoom } from './waiting-room.ts';

/**
 * Why a request was turned away: all places taken; all of its key's taken; its turn to give way under pressure; nowhere left to wait; waited
 * in vain for its lane, or for an account; or another went before while it waited. A closed list: it labels metrics.
 */
export const SHED_REASONS = ['active_full', 'key_full', 'pressure', 'queue_full', 'timed_out', 'account_full', 'gave_way'] as const;
export type ShedReason = (typeof SHED_REASONS)[number];

export interface GateOptions {
  /** Requests in progress over all lanes, those that wait included. */
  readonly maxActive: number;
  /** Requests in progress by lane. */
  readonly laneLimits: Readonly<Record<Lane, number>>;
  readonly room: WaitingRoom;
  readonly pressure: Pressure;
  readonly onShed: (lane: Lane, why: ShedReason) => void;
}

/** A lane: how many are in it and may be, and who waits for it, with what each gives way for. */
interface LanePlaces {
  readonly limit: number;
  inside: number;
  readonly fresh: WaitLine<Waiter>;
  readonly soft: WaitLine<Waiter>;
  readonly freshRank: ShedRank;
  readonly softRank: ShedRank;
}

/**
 * Says who may come in. First for an active place, before a byte of the body is read; then, once it is known what the request continues,
 * for a place of its lane, for which it may wait. A request that need not wait costs two comparisons. Places are kept on the exchange and
 * given back by `leave`, which may be called more than once.
 * @see product section 5
 */
export class Gate {
  readonly #options: GateOptions;
  readonly #pressure: Pressure;
  readonly #lanes: Readonly<Record<Lane, LanePlaces>>;
  /** The lines by who gives way first. */
  readonly #shedOrder: readonly (readonly WaitLine<Waiter>[])[];
  #active = 0;
  #perKey = Infinity;

  constructor(options: GateOptions) {
    const { laneLimits, pressure } = options;
    this.#options = options;
    this.#pressure = pressure;
    const open = (lane: Lane): LanePlaces => lanePlaces(lane, laneLimits[lane]);
    this.#lanes = { responses: open('responses'), compact: open('compact'), websocket: open('websocket'), standard: open('standard') };
    const shedOrder: WaitLine<Waiter>[][] = SHED_RANKS.map(() => []);
    for (const lane of LANES) {
      const { fresh, freshRank, soft, softRank } = this.#lanes[lane];
      shedOrder[freshRank]!.push(fresh);
      shedOrder[softRank]!.push(soft);
    }
    this.#shedOrder = shedOrder;
  }

  /** Requests that hold an active place. */
  get active(): number {
    return this.#active;
  }

  /** Requests that have been admitted to a lane. */
  inLane(lane: Lane): number {
    return this.#lanes[lane].inside;
  }

  /** Requests that wait for a place of a lane. */
  waitingFor(lane: Lane): number {
    const { fresh, soft } = this.#lanes[lane];
    return fresh.length + soft.length;
  }

  /** Sets how many requests of one key may be in progress, so that no key crowds out the others (fault row B22). */
  limitKeys(perKey: number): void {
    this.#perKey = perKey;
  }

  /** Takes an active place. @returns why there is none; null when it has been taken */
  enter(exchange: Taken): SwitchyardError | null {
    const { load } = exchange.key;
    const { maxActive } = this.#options;
    if (load.active >= this.#perKey)
      return this.#shed(
        exchange,
        'key_full',
        new SwitchyardError('rate_limit_exceeded', `This key has ${load.active} requests in progress, as many as it may.`),
      );
    if (this.#active >= maxActive)
      return this.#shed(exchange, 'active_full', new SwitchyardError('server_is_overloaded', `All ${maxActive} places for requests are taken.`));
    load.active++;
    this.#active++;
    exchange.place = 'active';
    return null;
  }

  /**
   * Takes a place of the lane, or waits for one. What only its owner can continue comes in whatever the lane.
   * @returns null when it came in at once; else why it did not, or a promise of that, which is null too when it came in or has left
   */
  admit(exchange: Taken, owner: Pick<Owner, 'strength'> | null): SwitchyardError | Promise<SwitchyardError | null> | null {
    const lane = this.#lanes[exchange.match.surface.lane];
    const rank = owner === null ? lane.freshRank : owner.strength === 'soft' ? lane.softRank : null;
    if (rank === null || (lane.inside < lane.limit && rank >= this.#pressure.step)) {
      lane.inside++;
      exchange.place = 'lane';
      return null;
    }
    const { room } = this.#options;
    if (rank < this.#pressure.step)
      return this.#shed(exchange, 'pressure', new SwitchyardError('server_is_overloaded', 'The server is pressed; this gives way first.'));
    if (room.isFull && !this.makeRoom(rank))
      return this.#shed(exchange, 'queue_full', new SwitchyardError('server_is_overloaded', `As many requests wait as may (${room.count}).`));
    return this.#await(exchange, room.join(exchange, owner === null ? lane.fresh : lane.soft));
  }

  /** Has somebody who waits and gives way sooner go, the last who came. @returns false when there is none */
  makeRoom(rank: ShedRank | null): boolean {
    for (const waiting of this.#shedOrder.slice(0, rank ?? this.#shedOrder.length)) {
      let last: Waiter | null = null;
      for (const line of waiting) if (line.last !== null && (last === null || line.last.order > last.order)) last = line.last;
      if (last === null) continue;
      this.#options.room.end(last, 'gave_way');
      return true;
    }
    return false;
  }

  /** Gives back whatever the exchange holds; places of a lane go to those who wait. */
  leave(exchange: Taken): void {
    const { place } = exchange;
    if (place === 'none') return;
    exchange.place = 'none';
    exchange.key.load.active--;
    this.#active--;
    if (place !== 'lane') return;
    const lane = this.#lanes[exchange.match.surface.lane];
    lane.inside--;
    while (lane.inside < lane.limit) {
      const next = firstOf(lane);
      if (next === null) return;
      // Before its promise: should its client leave meanwhile, the place is given back with all else.
      lane.inside++;
      next.exchange.place = 'lane';
      this.#options.room.end(next, 'admitted');
    }
  }

  async #await(exchange: Taken, waiter: Waiter): Promise<SwitchyardError | null> {
    const how = await waiter.over;
    if (how === 'admitted' || how === 'left') return null;
    const { lane } = exchange.match.surface;
    const message =
      how === 'timed_out'
        ? `All ${this.#lanes[lane].limit} places of the lane "${lane}" were taken for ${exchange.waitedMs} ms.`
        : 'While this waited for a place, what goes before it came.';
    return this.#shed(exchange, how, new SwitchyardError('server_is_overloaded', message));
  }

  #shed(exchange: Taken, why: ShedReason, error: SwitchyardError): SwitchyardError {
    const { lane } = exchange.match.surface;
    this.#options.onShed(lane, why);
    // Only what is everybody's trouble: a compaction that gives way must not prolong what it gives way to.
    if (why !== 'key_full' && why !== 'pressure' && (lane === 'responses' || lane === 'websocket')) this.#pressure.refused();
    return error;
  }
}

function lanePlaces(lane: Lane, limit: number): LanePlaces {
  return { limit, inside: 0, fresh: new WaitLine(), soft: new WaitLine(), freshRank: shedRank(lane, 'fresh'), softRank: shedRank(lane, 'soft') };
}

function firstOf({ fresh, soft }: LanePlaces): Waiter | null {
  if (fresh.first === null) return soft.first;
  return soft.first === null || fresh.first.order < soft.first.order ? fresh.first : soft.first;
}
