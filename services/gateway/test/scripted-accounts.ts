import type { IncomingMessage, ServerResponse } from 'node:http';
import { UpstreamFailure } from '@switchyard/contracts';
import type { BodySink, Upstream, UpstreamBody, UpstreamCall, UpstreamFailureReason } from '@switchyard/contracts';
import { createMetrics } from '@switchyard/observability';
import { recordingLogger } from '@switchyard/testkit';
import type { FakeClock } from '@switchyard/testkit';
import { AccountPlaces } from '../src/admission/account-places.ts';
import { Pressure } from '../src/admission/pressure.ts';
import { WaitingRoom } from '../src/admission/waiting-room.ts';
import { Holds } from '../src/attempt/holds.ts';
import { RetryBudget } from '../src/attempt/retry-budget.ts';
import type { AttemptParts } from '../src/attempt/attempt-parts.ts';
import { makeSnapshot } from '../src/choice/account.ts';
import type { Account } from '../src/choice/account.ts';
import { LiveFigures } from '../src/choice/live-figures.ts';
import { poolOf } from '../src/choice/pool.ts';
import type { Pool } from '../src/choice/pool.ts';
import type { Exchange } from '../src/exchange.ts';
import { openGatewayMetrics } from '../src/metrics.ts';
import { testExchange } from './test-exchange.ts';

/** What a scripted account does with one request. */
export type Scripted =
  | { readonly fails: UpstreamFailureReason; readonly takesMs?: number }
  | {
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly chunks: readonly (string | Buffer)[];
      /** `stays`: nothing more comes. */
      readonly ending?: 'end' | UpstreamFailureReason | 'stays';
      /** Each chunk comes in a turn of its own, and the first after the head. */
      readonly turnEach?: boolean;
      readonly takesMs?: number;
    };

/** A body that delivers given chunks, pausing when it is told to. It may be started anew. */
export class ScriptedBody implements UpstreamBody {
  readonly #chunks: Buffer[];
  readonly #ending: 'end' | UpstreamFailureReason | 'stays';
  readonly #turnEach: boolean;
  #sink: BodySink | null = null;
  #paused = false;
  #over: UpstreamFailure | 'end' | null = null;
  #flowing = false;

  constructor(chunks: readonly (string | Buffer)[], ending: 'end' | UpstreamFailureReason | 'stays' = 'end', turnEach = false) {
    this.#chunks = chunks.map((chunk) => (typeof chunk === 'string' ? Buffer.from(chunk) : chunk));
    this.#ending = ending;
    this.#turnEach = turnEach;
  }

  start(sink: BodySink): void {
    const isFirst = this.#sink === null;
    this.#sink = sink;
    if (this.#over === 'end') sink.end();
    else if (this.#over !== null) sink.fail(this.#over);
    else if (isFirst && this.#turnEach) setImmediate(() => this.#flow());
    else if (!this.#turnEach) this.#flow();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    setImmediate(() => this.#flow());
  }

  abort(): void {
    if (this.#over === null) this.#endWith(new UpstreamFailure('aborted'));
  }

  #flow(): void {
    if (this.#flowing) return;
    this.#flowing = true;
    while (!this.#paused && this.#over === null) {
      const chunk = this.#chunks.shift();
      if (chunk === undefined) {
        if (this.#ending !== 'stays') this.#endWith(this.#ending === 'end' ? 'end' : new UpstreamFailure(this.#ending));
        break;
      }
      this.#sink!.data(chunk);
      if (this.#turnEach) {
        setImmediate(() => this.#flow());
        break;
      }
    }
    this.#flowing = false;
  }

  #endWith(how: UpstreamFailure | 'end'): void {
    this.#over = how;
    if (how === 'end') this.#sink?.end();
    else this.#sink?.fail(how);
  }
}

/** An account whose upstream does what a script says, request by request; the last line of it for ever. */
export interface ScriptedAccount {
  readonly account: Account;
  /** Requests so far, and how many of them were aborted. */
  readonly asked: () => number;
  readonly aborted: () => number;
}

/** A world of scripted accounts on a clock that stands still. */
export interface ScriptedWorld {
  readonly live: LiveFigures;
  readonly parts: AttemptParts;
  account(name: string, script: readonly Scripted[], priority?: number): ScriptedAccount;
  /** The pool of all of these. */
  pool(...accounts: readonly ScriptedAccount[]): Pool;
  /** A pool whose one account is out of quota, with a stand-in whose one account has one place. */
  standIn(own: ScriptedAccount, other: ScriptedAccount): Pool;
  /** An exchange past its intake, for the model `m`. */
  exchange(surface?: 'responses.create' | 'chat.completions', peers?: { request: IncomingMessage; response: ServerResponse }): Exchange;
}

/** @param activeRequests  What the retry budget takes for the requests in progress. */
export function scriptedWorld(clock: FakeClock, activeRequests: () => number = () => 1): ScriptedWorld {
  const live = new LiveFigures({ nowMs: clock.now, wallClockMs: () => 1_800_000_000_000 + clock.now() });
  const retries = new RetryBudget(activeRequests, clock.now);
  for (let i = activeRequests(); i > 0; i--) retries.earn();
  const room = new WaitingRoom({
    max: 100,
    waitMs: 750,
    pressedWaitMs: 200,
    pressure: new Pressure(clock.now),
    nowMs: clock.now,
    after: clock.after,
    onEnd: () => {},
  });
  const parts: AttemptParts = {
    live,
    metrics: openGatewayMetrics(createMetrics({ process: false })),
    answered: () => {},
    lookedAhead: () => {},
    retries,
    recover: async () => null,
    limitModel: () => {},
    pressure: { isOn: false },
    places: new AccountPlaces({ live, room, gate: { makeRoom: () => false }, onShed: () => {} }),
    holds: new Holds(clock.now, clock.after),
    log: recordingLogger(),
    nowMs: clock.now,
    wallClockMs: () => 1_800_000_000_000 + clock.now(),
    after: clock.after,
    limits: { headTimeoutMs: 1, compactTimeoutMs: 2, idleTimeoutMs: 3 },
  };
  return {
    live,
    parts,
    account(name, script, priority = 100) {
      let asked = 0;
      let aborted = 0;
      const upstream: Upstream = {
        dispatch(): UpstreamCall {
          const line = script[Math.min(asked++, script.length - 1)]!;
          const body = 'fails' in line ? null : new ScriptedBody(line.chunks, line.ending, line.turnEach);
          const { promise, resolve, reject } = Promise.withResolvers<Awaited<UpstreamCall['answer']>>();
          let isOver = false;
          const answer = (): void => {
            isOver = true;
            if ('fails' in line) reject(new UpstreamFailure(line.fails));
            else resolve({ status: line.status, headers: line.headers ?? {}, body: body! });
          };
          if (line.takesMs === undefined) answer();
          else clock.after(line.takesMs, answer);
          return {
            answer: promise,
            abort() {
              aborted++;
              if (isOver) body?.abort();
              else reject(new UpstreamFailure('aborted'));
            },
          };
        },
        close: async () => {},
      };
      const account: Account = {
        id: `acct_${name}`,
        name,
        kind: 'openai',
        source: 'api',
        baseUrl: 'http://x/v1',
        models: ['m'],
        limited: null,
        modelMap: null,
        createdAtMs: 0,
        priority,
        softInFlight: Infinity,
        maxInFlight: Infinity,
        reservePercent: 0,
        slot: live.slotOf(`acct_${name}`),
        headers: [],
        headerNames: new Set(),
        speaksWebSocket: false,
        basePath: '/v1',
        upstream,
      };
      return { account, asked: () => asked, aborted: () => aborted };
    },
    pool(...accounts) {
      const snapshot = makeSnapshot(
        1,
        accounts.map(({ account }) => account),
      );
      live.adopt(snapshot);
      return poolOf(snapshot);
    },
    standIn(own, other) {
      const first = makeSnapshot(1, [own.account]);
      const second = makeSnapshot(1, [{ ...other.account, maxInFlight: 1 }]);
      live.adopt(makeSnapshot(1, [...first.accounts, ...second.accounts]));
      live.block(own.account.slot, 18_000_000, false);
      return { ...poolOf(first), fallback: [poolOf(second)] };
    },
    exchange(surfaceName = 'responses.create', peers) {
      const exchange = testExchange(surfaceName, peers?.request ?? ({ method: 'POST' } as IncomingMessage), peers?.response ?? ({} as ServerResponse));
      exchange.openAt = 0;
      return exchange;
    },
  };
}
