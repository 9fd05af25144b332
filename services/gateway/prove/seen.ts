import type { Client } from './client.ts';
import type { Asked, AttemptTrace, Claims, Expected, RequestTrace } from './history.ts';
import type { Key } from './keys.ts';
import type { Life } from './life.ts';
import type { Plan } from './plan.ts';
import type { SocketClient } from './socket-client.ts';

/** A request as a command asks for it. */
export interface Wanted {
  readonly life: Life;
  readonly key: Key;
  readonly asked: Asked;
  readonly isStream: boolean;
  readonly claims: Claims;
  readonly isStored: boolean;
  readonly plan: Plan;
  /** Of `path`: method and path. */
  readonly target?: readonly [method: string, path: string];
  /** Of `turn`: it asks for nothing yet. */
  readonly isWarmUp?: boolean;
}

/** A request with all that belongs to it. */
export interface Seen {
  readonly trace: RequestTrace;
  readonly wanted: Wanted;
  readonly attempts: AttemptTrace[];
  client: Client | null;
  socket: SocketClient | null;
}

/** A request that is about to be sent. */
export function newSeen(no: number, wanted: Wanted, expected: Expected, sentAt: number): Seen {
  const { life, key, asked, isStream, claims } = wanted;
  const trace: RequestTrace = {
    no,
    life: life.no,
    keyId: key.id,
    asked,
    isStream,
    claims,
    expected,
    sentAt,
    status: null,
    account: null,
    isOurs: false,
    code: null,
    received: [],
    receivedBytes: 0,
    firstByteAt: null,
    end: null,
    endAt: null,
    isPaused: false,
    wasShut: false,
    mayBeUnlogged: false,
    mayBeUnbound: false,
    mayBeShed: false,
    mayBeExhausted: false,
    mayFindNobody: false,
    mayBeRevoked: false,
    mayBeStalled: false,
    mayBeStale: false,
    mayBeTorn: false,
  };
  return { trace, wanted, attempts: [], client: null, socket: null };
}

/** Whether a request may be what tells a gateway that has its doubts of an account how that is now: until then it sends no other there. */
export function mayProbe({ trace, attempts }: Seen, account: number): boolean {
  const last = attempts.at(-1);
  if (last === undefined) return trace.end === null;
  return last.account === account && last.committedAt === null;
}

/** Whether nothing more comes of a request until somebody does something. */
export function isAtRest({ trace, attempts }: Seen): boolean {
  const last = attempts.at(-1);
  if (trace.end !== null) return false;
  // A client that does not read may have all of it waiting.
  if (trace.isPaused && trace.status !== null) return true;
  if (last === undefined) return false;
  if (trace.isPaused && (last.isWaiting || last.isWhole)) return true;
  return last.isWaiting && (last.committedAt === null || trace.receivedBytes >= last.sentBytes);
}

/** Whether it is over for its client, and at every upstream. */
export function isOver({ trace, attempts }: Seen): boolean {
  return trace.end !== null && attempts.every(({ end }) => end !== null);
}

/** For somebody who is to find out why it goes no further. */
export function describe({ trace, attempts: all }: Seen): string {
  const { no, asked, isStream, status, receivedBytes, isPaused, expected } = trace;
  const attempts = all.map(({ accountName, status: told, sentBytes, end, isWaiting, isWhole, committedAt }) => ({
    accountName,
    told,
    sentBytes,
    end,
    isWaiting,
    isWhole,
    committedAt,
  }));
  return JSON.stringify({ no, asked, isStream, status, receivedBytes, isPaused, expected, attempts });
}
