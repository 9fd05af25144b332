import type { FaultBudget, Upstream } from '@switchyard/contracts';
import { Connections } from '../attempt/connections.ts';
import { faultyUpstream } from '../attempt/faulty-upstream.ts';
import { HttpUpstream } from '../attempt/http-upstream.ts';

export interface UpstreamsParts {
  readonly connectTimeoutMs: number;
  readonly faults: FaultBudget | null;
}

/** The way to each account's upstream, over the connections to its origin: the same one until the account has another address. */
export class Upstreams {
  readonly #parts: UpstreamsParts;
  readonly #byAccount = new Map<string, { readonly origin: string; readonly upstream: Upstream }>();
  /** By origin. */
  readonly #connections = new Map<string, Connections>();

  constructor(parts: UpstreamsParts) {
    this.#parts = parts;
  }

  of(accountId: string, baseUrl: string): Upstream {
    const { origin } = new URL(baseUrl);
    const known = this.#byAccount.get(accountId);
    if (known?.origin === origin) return known.upstream;
    void known?.upstream.close();
    const reached = new HttpUpstream(this.#connectionsTo(origin));
    const { faults } = this.#parts;
    const upstream = faults === null ? reached : faultyUpstream(reached, faults);
    this.#byAccount.set(accountId, { origin, upstream });
    return upstream;
  }

  /** Ends the way to accounts that have been taken away, with the requests that still run on it. */
  end(accountIds: readonly string[]): void {
    for (const id of accountIds) {
      void this.#byAccount.get(id)?.upstream.close();
      this.#byAccount.delete(id);
    }
    const origins = new Set([...this.#byAccount.values()].map(({ origin }) => origin));
    for (const [origin, connections] of this.#connections) {
      if (origins.has(origin)) continue;
      this.#connections.delete(origin);
      void connections.close();
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#connections.values()].map((connections) => connections.close()));
    this.#byAccount.clear();
    this.#connections.clear();
  }

  #connectionsTo(origin: string): Connections {
    const { connectTimeoutMs } = this.#parts;
    const known = this.#connections.get(origin);
    const connections = known ?? new Connections({ origin, connectTimeoutMs });
    this.#connections.set(origin, connections);
    return connections;
  }
}
