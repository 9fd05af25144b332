import type { IncomingMessage, ServerResponse } from 'node:http';
import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Duplex } from 'node:stream';
import type { FaultBudget } from '@switchyard/contracts';
import type { Config } from '@switchyard/config';
import type { Database } from '@switchyard/database';
import type { Logger, Metrics } from '@switchyard/observability';
import type { Vault } from '@switchyard/security';
import type { After } from './attempt/pause.ts';
import type { DB } from './store/schema.gen.ts';
import type { Control } from './use/control.ts';

export interface GatewayParts {
  readonly config: Config;
  readonly database: Database<DB>;
  readonly vault: Vault;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Epoch milliseconds. */
  readonly wallClockMs: () => number;
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
  /** Address of the built-in upstream, or null when it is switched off. */
  readonly sandboxUrl: string | null;
  /** Where the address of the data plane describes the API, or null when another address does. */
  readonly docsPath: string | null;
  /** Requests in progress at most, already worked out from the setting and the file descriptors. */
  readonly maxActive: number;
  /** 99th percentile of the delay of the event loop since the last call, in milliseconds. */
  readonly loopDelayMs: () => number;
  /** Failures to be made on purpose; null when there are to be none. */
  readonly faults: FaultBudget | null;
  /** Other waits than those that a server has, for a proof that has many cases to go through. */
  readonly timing?: Timing;
}

/** Waits of the gateway that no setting says. Read once, at the opening. */
export interface Timing {
  /** For the waits before commit: between attempts at an owner, and for the opening of a stream. */
  readonly after: After;
  /** Longest wait for the database to write a binding, or to look one up. */
  readonly bindingWaitMs: number;
  /** How often it is seen whether other processes are to be told of bindings; until then they look up what they are asked for. */
  readonly lookAroundMs: number;
  /** How often what changes with time alone is worked out anew. */
  readonly upkeepMs: number;
}

/** The data plane and its control plane, without a listener: the server hands requests in. */
export interface Gateway extends AsyncDisposable {
  /** Serves one data-plane request to its end. Never throws. */
  readonly handle: (request: IncomingMessage, response: ServerResponse) => void;
  /** Whether a request becomes a WebSocket; one that does not is for `handle`, which also says why. */
  readonly mayUpgrade: (request: IncomingMessage) => boolean;
  /** Serves a request that may be upgraded, from the bytes behind its head on. */
  readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
  readonly adminApi: OpenAPIHono;
  /** For changes made in this process. */
  readonly control: Control;
  /**
   * Makes the first key when there has never been one. To be called once nothing else can keep the start from succeeding: a key that was
   * made by a start that failed would be shown to nobody.
   * @returns its text, which is nowhere else, or null when there is nothing to show
   */
  makeFirstKey(): Promise<string | null>;
  /** How many requests are running. */
  readonly running: () => number;
  /**
   * Refuses new work from now on, waits for what is running, then cuts off the rest.
   * @param cutNow  Ends the waiting early.
   * @returns how many were cut off
   */
  drain(timeoutMs: number, cutNow?: AbortSignal): Promise<number>;
}
