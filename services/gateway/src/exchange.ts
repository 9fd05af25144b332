import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FaultCode, UpstreamCall } from '@switchyard/contracts';
import type { Continued } from './bindings/resolve-owner.ts';
import type { Account } from './choice/account.ts';
import type { KeyRecord } from './edge/key-table.ts';
import type { RequestHead } from './edge/read-head.ts';
import type { RequestFacts } from './intake/read-facts.ts';
import type { Usage } from './relay/usage.ts';
import type { Match } from './routes.ts';
import type { DecisionRecord } from './settle/decision.ts';
import type { OpenTicket } from './settle/journal.ts';
import type { Outcome } from './settle/outcome.ts';

/** What an exchange holds of the server's room: nothing, a place among the active requests, or one of its lane too. */
export type Place = 'none' | 'active' | 'lane';

/** Whom an exchange answers, as far as its end is concerned: an HTTP response, or a turn on a socket. */
export interface Peer extends Pick<ServerResponse, 'writableFinished' | 'errored' | 'socket'> {
  on(event: 'close', listener: () => void): unknown;
  /** Breaks the answer off. `close` comes in a later turn of the event loop. */
  destroy(): unknown;
}

/**
 * One request on its way through the stages. Each stage fills in its part and reads only what stages before it have filled:
 * edge (`key`), intake (`facts`), bindings (`affinity`), attempt (`decision`, `account`), relay (the figures), settle (`outcome`).
 */
export interface Taken {
  readonly id: string;
  /** The request itself, or the one that became the socket. */
  readonly request: IncomingMessage;
  readonly response: Peer;
  readonly match: Match;
  readonly head: RequestHead;
  readonly key: KeyRecord;
  readonly clientAddress: string | null;
  /** Wall clock and monotonic milliseconds at which the request was taken up. */
  readonly startedAtMs: number;
  readonly startedMs: number;
  facts: RequestFacts | null;
  /** What accounts are looked for by: the model that was asked for, or the one that its name stands for. */
  model: string | null;
  /** What it continues; null when that is nothing that we know. */
  affinity: Continued | null;
  decision: DecisionRecord | null;
  /** The account whose answer is being relayed. */
  account: Account | null;
  /**
   * The attempt in progress, or the wait before the next, so that it can be stopped. The call itself, not a function that stops it: such a closure kept the whole
   * exchange alive until the next full collection (12 MB a scavenge under load, 30 µs of collection a request).
   */
  call: Pick<UpstreamCall, 'abort'> | null;
  status: number | null;
  fault: FaultCode | null;
  firstByteMs: number | null;
  bytesIn: number;
  bytesOut: number;
  usage: Usage | null;
  responseId: string | null;
  upstreamRequestId: string | null;
  /** Why the answer was cut short by us, when it was. */
  cut: Extract<Outcome, 'client_left' | 'client_stalled' | 'shut_down'> | null;
  outcome: Outcome;
  /** What `settle` gives back: its place here, and at the account whose figures count this request. */
  place: Place;
  countedAt: Account | null;
  /** Whole milliseconds that it has waited for places. */
  waitedMs: number;
  /** Its place among the requests that may get an open row; null once it has one. */
  ticket: OpenTicket | null;
  /** Its place among the open exchanges; -1 once it has been settled. */
  openAt: number;
  /** Monotonic milliseconds since which the client has not taken what was written; null while it keeps up. */
  stalledSinceMs: number | null;
}

/** An exchange over HTTP. */
export interface Exchange extends Taken {
  readonly response: ServerResponse;
}

type Given = Pick<Taken, 'id' | 'request' | 'match' | 'head' | 'key' | 'clientAddress' | 'startedAtMs' | 'startedMs'>;

export function openExchange<P extends Peer>(given: Given & { readonly response: P }): Taken & { readonly response: P } {
  return {
    // Written out, not spread: a spread object of this size loses its shape and costs three times the memory.
    id: given.id,
    request: given.request,
    response: given.response,
    match: given.match,
    head: given.head,
    key: given.key,
    clientAddress: given.clientAddress,
    startedAtMs: given.startedAtMs,
    startedMs: given.startedMs,
    facts: null,
    model: null,
    affinity: null,
    decision: null,
    account: null,
    call: null,
    status: null,
    fault: null,
    firstByteMs: null,
    bytesIn: 0,
    bytesOut: 0,
    usage: null,
    responseId: null,
    upstreamRequestId: null,
    cut: null,
    outcome: 'open',
    place: 'none',
    countedAt: null,
    waitedMs: 0,
    ticket: null,
    openAt: -1,
    stalledSinceMs: null,
  };
}
