import { Client } from 'undici';

/**
 * Deadlines are counted in looks at all running requests, one each tick: a timer per head and per body cost 5 µs a request, and each
 * outlived its request by half a second. So one may be late by a tick.
 */
export const TICK_MS = 250;

export interface ConnectionsOptions {
  /** Scheme, host and port. */
  readonly origin: string;
  readonly connectTimeoutMs: number;
}

/** A request on a connection. */
export interface Running {
  /** Whose it is. */
  readonly upstream: object;
  /** Counts the time in which nothing came. */
  tick(): void;
}

/** A connection, and what runs on it. */
export interface Connection {
  readonly client: Client;
  isConnected: boolean;
  running: Running | null;
}

/**
 * The HTTP/1.1 connections to one origin, shared by all accounts there: whose request it is stands in the request, and the next account
 * need not connect anew. They are kept alive and reused most recently used first; each carries one request at a time, so a slow stream
 * never holds up another.
 */
export class Connections {
  readonly origin: string;
  readonly #connectTimeoutMs: number;
  readonly #idle: Connection[] = [];
  readonly #all = new Set<Connection>();
  #ticking: NodeJS.Timeout | null = null;
  #closed = false;

  constructor({ origin, connectTimeoutMs }: ConnectionsOptions) {
    this.origin = origin;
    this.#connectTimeoutMs = connectTimeoutMs;
  }

  /** A connection for one request, to be given back by `release`; null when they are closed. */
  take(): Connection | null {
    if (this.#closed) return null;
    this.#ticking ??= setInterval(() => this.#tick(), TICK_MS).unref();
    return this.#idle.pop() ?? this.#connect();
  }

  /** Keeps a connection for the next request. A client without one is worth nothing, and would pile up after every cut. */
  release(connection: Connection): void {
    connection.running = null;
    if (connection.isConnected && !this.#closed) this.#idle.push(connection);
    else void this.#drop(connection);
  }

  /** Breaks off what runs for one of the accounts. */
  async end(upstream: object): Promise<void> {
    const own = [...this.#all].filter(({ running }) => running?.upstream === upstream);
    await Promise.all(own.map((connection) => this.#drop(connection)));
  }

  /** Breaks off everything. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#endTicking();
    await Promise.all([...this.#all].map((connection) => this.#drop(connection)));
  }

  #connect(): Connection {
    const client = new Client(this.origin, {
      allowH2: false,
      connect: { timeout: this.#connectTimeoutMs },
      pipelining: 1,
      keepAliveTimeout: 30_000,
      maxHeaderSize: 65_536,
    });
    const connection: Connection = { client, isConnected: false, running: null };
    this.#all.add(connection);
    client.on('connect', () => (connection.isConnected = true));
    client.on('disconnect', () => {
      connection.isConnected = false;
      const at = this.#idle.indexOf(connection);
      if (at === -1) return;
      this.#idle.splice(at, 1);
      void this.#drop(connection);
    });
    return connection;
  }

  #drop(connection: Connection): Promise<void> {
    this.#all.delete(connection);
    return connection.client.destroy();
  }

  #tick(): void {
    let isBusy = false;
    for (const { running } of this.#all) {
      if (running === null) continue;
      isBusy = true;
      running.tick();
    }
    if (!isBusy) this.#endTicking();
  }

  #endTicking(): void {
    if (this.#ticking !== null) clearInterval(this.#ticking);
    this.#ticking = null;
  }
}
