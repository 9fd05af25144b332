import { SwitchyardError } from '@switchyard/contracts';
import type { Logger } from '@switchyard/observability';
import type { Gate } from '../admission/gate.ts';
import { leavePlace } from '../admission/lease.ts';
import type { LiveFigures } from '../choice/live-figures.ts';
import type { Taken } from '../exchange.ts';
import type { BodyMemory } from '../intake/read-body.ts';
import type { RequestFacts } from '../intake/read-facts.ts';
import { tallies } from '../metrics.ts';
import type { GatewayMetrics } from '../metrics.ts';
import type { SurfaceName } from '../routes.ts';
import { SURFACES } from '../routes.ts';
import type { Journal } from './journal.ts';
import type { Outcome } from './outcome.ts';

const EMPTY = Buffer.alloc(0);
/** How long a request may outlive its connection before it counts as forgotten. */
const RECLAIM_MS = 5_000;

export interface SettlerParts {
  readonly gate: Pick<Gate, 'leave'>;
  readonly live: LiveFigures;
  readonly memory: BodyMemory;
  readonly journal: Pick<Journal, 'opened' | 'ended'>;
  readonly metrics: GatewayMetrics;
  readonly log: Logger;
  readonly nowMs: () => number;
}

/**
 * Keeps every exchange that is open and ends each exactly once, when its response closes: places and memory are given back, the
 * journal and the metrics are told. Whatever a stage took, this gives back; no stage does it on its own.
 */
export class Settler {
  readonly #parts: SettlerParts;
  // An array whose places exchanges know: taking one out makes no garbage, as a Set's tables do.
  readonly #open: Taken[] = [];
  readonly #bySurface: ReadonlyMap<string, SurfaceCounters>;
  readonly #refused: (key: string) => void;
  /** Since when connections of requests that are open have been gone. */
  readonly #gone = new WeakMap<Taken, number>();
  #idle: (() => void) | null = null;

  constructor(parts: SettlerParts) {
    this.#parts = parts;
    this.#bySurface = new Map(SURFACES.map(({ name }) => [name, surfaceCounters(parts.metrics, name)]));
    this.#refused = tallies(parts.metrics.switchyard_requests_total, () => ({ surface: 'none', outcome: 'refused' }));
  }

  get openCount(): number {
    return this.#open.length;
  }

  /** Takes up an exchange. From here on its end is settled, whatever happens. */
  open(exchange: Taken): void {
    exchange.openAt = this.#open.push(exchange) - 1;
    this.#parts.journal.opened(exchange);
    exchange.response.on('close', () => this.#settle(exchange));
  }

  /** Gives the exchange what its body said. @returns false when it has ended meanwhile and nothing is left to do */
  takeFacts(exchange: Taken, facts: RequestFacts): boolean {
    if (exchange.openAt !== -1) {
      exchange.facts = facts;
      exchange.bytesIn = facts.encoded === null ? facts.body.length : facts.encoded.length;
      return true;
    }
    this.#parts.memory.release(bytesOf(facts));
    return false;
  }

  /** Lets go of the body once no other account will be asked: a stream may run for an hour after it. */
  dropBody(exchange: Taken): void {
    if (exchange.openAt === -1 || exchange.facts === null) return;
    this.#parts.memory.release(bytesOf(exchange.facts));
    exchange.facts = { ...exchange.facts, body: EMPTY, encoded: null };
  }

  /** Has an exchange that has ended while its account answered let go of it: it is not settled twice. */
  letGoIfOver(exchange: Taken): void {
    if (exchange.openAt === -1) leavePlace(exchange, this.#parts.live);
  }

  answeredOurselves(surface: string): void {
    this.#bySurface.get(surface)!.ended('completed');
  }

  refusedAtEdge(): void {
    this.#refused('');
  }

  // Being cut closes a response in a later turn, so the array does not change under these loops.
  /** Cuts off clients that have not taken a byte for too long. */
  cutStalled(beforeMs: number): void {
    for (const exchange of this.#open) if (exchange.stalledSinceMs !== null && exchange.stalledSinceMs < beforeMs) cut(exchange, 'client_stalled');
  }

  /** Cuts off everything still running. */
  cutAll(): void {
    for (const exchange of this.#open) cut(exchange, 'shut_down');
  }

  /**
   * Ends what was not ended though its connection is gone, and counts it. It never happens; if it does, it is a fault of ours, and must not
   * cost a place for ever.
   * @returns how many
   */
  reclaim(): number {
    const { metrics, log, nowMs } = this.#parts;
    let reclaimed = 0;
    for (let i = this.#open.length - 1; i >= 0; i--) {
      const exchange = this.#open[i]!;
      if (!exchange.request.socket.destroyed) continue;
      const sinceMs = this.#gone.get(exchange);
      if (sinceMs === undefined) this.#gone.set(exchange, nowMs());
      else if (nowMs() - sinceMs > RECLAIM_MS) {
        metrics.switchyard_leases_reclaimed_total.inc();
        log.error('lease_reclaimed', 'A request had not ended though its connection was gone; its places were taken back', { request_id: exchange.id });
        this.#settle(exchange);
        reclaimed++;
      }
    }
    return reclaimed;
  }

  /** Resolves when nothing is open. */
  async idle(): Promise<void> {
    if (this.#open.length > 0) await new Promise<void>((resolve) => (this.#idle = resolve));
  }

  /** Takes an exchange out; the last one moves into its place. */
  #close(exchange: Taken): void {
    const last = this.#open.pop()!;
    if (last !== exchange) {
      this.#open[exchange.openAt] = last;
      last.openAt = exchange.openAt;
    }
    exchange.openAt = -1;
  }

  #settle(exchange: Taken): void {
    if (exchange.openAt === -1) return;
    const { gate, live, memory, journal, nowMs } = this.#parts;
    const endedMs = nowMs();
    this.#close(exchange);
    if (!exchange.response.writableFinished && exchange.outcome !== 'upstream_cut') cutShort(exchange);
    // Also after a whole answer: a request body may still be on its way up. Aborting an attempt that has ended does nothing.
    exchange.call?.abort();
    gate.leave(exchange);
    leavePlace(exchange, live);
    if (exchange.facts !== null) memory.release(bytesOf(exchange.facts));
    journal.ended(exchange, endedMs);
    const counters = this.#bySurface.get(exchange.match.surface.name)!;
    counters.ended(exchange.outcome);
    counters.duration.observe((endedMs - exchange.startedMs) / 1_000);
    if (exchange.firstByteMs !== null && exchange.facts?.stream === true) counters.firstByte.observe(exchange.firstByteMs / 1_000);
    if (this.#open.length === 0) this.#idle?.();
  }
}

/** What a body holds of the memory for bodies. */
function bytesOf({ body, encoded }: RequestFacts): number {
  return encoded === null ? body.length : body.length + encoded.length;
}

/** Says why an exchange has ended without its whole answer. */
function cutShort(exchange: Taken): void {
  const { errored } = exchange.response;
  // The listener has answered for it: the rest of the request came too slowly, or was none.
  if (exchange.cut === null && errored instanceof SwitchyardError) {
    exchange.outcome = 'refused';
    exchange.fault = errored.code;
    exchange.status = errored.fault.status;
    return;
  }
  exchange.cut ??= 'client_left';
  exchange.outcome = exchange.cut;
}

function cut(exchange: Taken, why: NonNullable<Taken['cut']>): void {
  exchange.cut ??= why;
  const { request, response } = exchange;
  // To a client of HTTP/1.0 a plain close is how an answer without a length ends.
  if (request.httpVersionMinor === 0 && response.socket !== null) response.socket.resetAndDestroy();
  else response.destroy();
}

interface SurfaceCounters {
  readonly ended: (outcome: Outcome) => void;
  readonly duration: { observe(seconds: number): void };
  readonly firstByte: { observe(seconds: number): void };
}

/** The metrics of one surface with their labels chosen once. */
function surfaceCounters(metrics: GatewayMetrics, surface: SurfaceName): SurfaceCounters {
  return {
    ended: tallies(metrics.switchyard_requests_total, (outcome) => ({ surface, outcome })),
    duration: metrics.switchyard_request_duration_seconds.bind({ surface }),
    firstByte: metrics.switchyard_first_byte_seconds.bind({ surface }),
  };
}
