/** Surfaces that the proof asks on. A `turn` is one over WebSocket. */
export type Asked = 'responses' | 'chat' | 'compact' | 'path' | 'turn';

/** What must be true of where a request goes, as far as that is certain. */
export interface Expected {
  /** Number of the only account that may be asked; null when any may, or when it is not certain. */
  readonly owner: number | null;
  /** The account that comes first while nothing is wrong with it; null when none does, or it is not certain. */
  readonly first: number | null;
  /** It names what belongs to another key: nobody may be asked. */
  readonly isForeign: boolean;
  /** It names nothing of another key that this gateway could know of. */
  readonly isOwn: boolean;
  /** What it continues may be claimed by two accounts, or belong to one that has been taken away; or it is not certain what it continues. */
  readonly mayBeUnavailable: boolean;
}

/** The ids that one request names. */
export interface Claims {
  readonly turnState: string | null;
  readonly previousResponse: string | null;
  readonly session: string | null;
  readonly calls: readonly string[];
  readonly encrypted: string | null;
  /** The encrypted item is a compaction. */
  readonly isFollowUp: boolean;
}

/** How one request went, as its client saw it. Places (`…At`) are in the one order of all that happened. */
export interface RequestTrace {
  readonly no: number;
  /** Which opening of a gateway it was sent to. */
  readonly life: number;
  readonly keyId: string;
  readonly asked: Asked;
  readonly isStream: boolean;
  readonly claims: Claims;
  readonly expected: Expected;
  readonly sentAt: number;
  status: number | null;
  /** As the answer names it; null when the answer is ours, and over a socket, where none is named. */
  account: string | null;
  /** The answer is the gateway's own. */
  isOurs: boolean;
  /** Of a refusal of ours. */
  code: string | null;
  readonly received: Buffer[];
  receivedBytes: number;
  firstByteAt: number | null;
  /** `whole`: properly ended. `cut`: broken off by the gateway. `left`: by the client. */
  end: 'whole' | 'cut' | 'left' | null;
  endAt: number | null;
  isPaused: boolean;
  /** The gateway was closed, or died, while it ran. */
  wasShut: boolean;
  /** It may have no row: the gateway died before that, which is written behind, was certain to be there; or it never was asked. */
  mayBeUnlogged: boolean;
  /** Its upstream had said all while the database was away: then the end of its answer waits for nothing, and may reach its client when it is back. */
  mayBeUnbound: boolean;
  /** There were so many requests that it may have found no room. */
  mayBeShed: boolean;
  /** The account that it may belong to may have been out of quota. */
  mayBeExhausted: boolean;
  /** All accounts may have been. */
  mayFindNobody: boolean;
  /** Its key may have been revoked. */
  mayBeRevoked: boolean;
  /** Time has gone by in which its client did not read. */
  mayBeStalled: boolean;
  /** The socket that it came on had rested for so long that its upstream may have forgotten what went before. */
  mayBeStale: boolean;
  /** It goes on from a response of one account with something that another may have sealed. */
  mayBeTorn: boolean;
}

/** What is refused at the edge is no request of anybody's: it has no row, whether its client reads why or leaves. A turn has passed the edge with its socket. */
export function isRefusedAtEdge({ asked, isOurs, status }: Pick<RequestTrace, 'asked' | 'isOurs' | 'status'>): boolean {
  return asked !== 'turn' && isOurs && status === 401;
}

/** Ids that one answer tells. */
export interface Issued {
  responseId: string | null;
  turnState: string | null;
  readonly calls: string[];
  encrypted: string | null;
}

/** How one attempt went, as the upstream saw it. */
export interface AttemptTrace {
  readonly no: number;
  /** Number of the account. */
  readonly account: number;
  readonly accountName: string;
  readonly arrivedAt: number;
  /** On the clock of the gateways that only goes forth. */
  readonly arrivedMs: number;
  status: number | null;
  /** Body bytes that were handed to the connection. */
  readonly sent: Buffer[];
  sentBytes: number;
  /** Since when the client may have been given something of it: the head of a whole answer, or the first event that commits. */
  committedAt: number | null;
  /** It has said all that it had to say. */
  isWhole: boolean;
  /** `cut`: by the upstream, in good order behind what was sent; `reset`: what was sent may be lost. `aborted`: by the gateway. */
  end: 'whole' | 'cut' | 'reset' | 'aborted' | null;
  endAt: number | null;
  /** It waits for its gate. */
  isWaiting: boolean;
  readonly issued: Issued;
}

/** A row of the request log. */
export interface Row {
  readonly no: number;
  readonly outcome: string;
  readonly isEnded: boolean;
  /** Names of the accounts that were tried, each with whether it was reached for certain. */
  readonly attempts: readonly { readonly account: string; readonly isReached: boolean }[];
}

/** What the oracles judge: everything that was seen of one case up to a moment at which nothing runs. */
export interface History {
  readonly requests: readonly RequestTrace[];
  readonly attempts: readonly AttemptTrace[];
  /** Null while the database is away. */
  readonly rows: readonly Row[] | null;
  /** Figures that say what is held now, by name. */
  readonly gauges: Readonly<Record<string, number>>;
  /** Ids whose answer a client has seen whole, with the account that told them and the one that the database has. */
  readonly bound: readonly { readonly id: string; readonly issuer: string; readonly found: string | null }[];
  /** At the arrival of each further attempt of a request: requests in progress, and those of them that were in a further attempt. */
  readonly retrying: readonly { readonly active: number; readonly retries: number }[];
  /** What did not come to rest in time. */
  readonly stuck: readonly string[];
}

/** Something that must never be. */
export interface Violation {
  readonly oracle: string;
  readonly what: string;
}
