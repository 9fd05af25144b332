import { createHash } from 'node:crypto';

/** How a request ended. `open`: not yet. `cut`: we broke it off. `aborted_by_client`: the client left before the last byte was handed over. */
export type Outcome = 'open' | 'completed' | 'aborted_by_client' | 'cut';

/** How a request came: by itself, or as a frame on a socket. */
export const TRANSPORTS = ['http', 'socket'] as const;
export type Transport = (typeof TRANSPORTS)[number];

/** One request as it was received, and what became of it. Times are epoch milliseconds. */
export interface Received {
  readonly id: number;
  readonly method: string;
  readonly path: string;
  readonly query: string;
  /** Credentials are shown as `sha256:` and 12 hex digits unless the full record was asked for. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  /** Label of the key, or its `sha256:` prefix; '' without one. */
  readonly key: string;
  /** The parsed JSON body, its text when it is not JSON, null while unread, empty or no longer kept. */
  readonly body: unknown;
  readonly bodyBytes: number;
  /** Hex SHA-256 of the body as received, before any decompression. */
  readonly bodySha256: string;
  readonly startedMs: number;
  readonly endedMs: number | null;
  readonly status: number | null;
  /** Place of the rule that decided the answer, such as `rules[0]`; null for the default answer. */
  readonly rule: string | null;
  readonly unitsSent: number;
  readonly outcome: Outcome;
  /** Number of the socket on which it came as a frame, from 1; null for a request by itself. */
  readonly socket: number | null;
}

/** Figures since the start or the last reset. Control requests are not counted. */
export interface Tally {
  readonly received: number;
  readonly open: number;
  readonly completed: number;
  readonly aborted: number;
  readonly cut: number;
}

/** The tally of all requests, and of each route (`/v1/responses/{id}`). */
export interface Counters extends Tally {
  readonly byPath: Readonly<Record<string, Tally>>;
  /** WebSockets since the start, and those open now. */
  readonly sockets: { readonly opened: number; readonly open: number };
}

const SECRET_HEADERS = new Set(['authorization', 'x-api-key', 'api-key', 'x-goog-api-key', 'cookie', 'proxy-authorization']);

/** `sha256:` and the first 12 hex digits of a key: enough to tell keys apart, useless to a reader. */
export function keyPrint(key: string): string {
  return `sha256:${createHash('sha256').update(key).digest('hex').slice(0, 12)}`;
}

/** An open request. The server fills it in; `settle` is what the counters hang on and counts once. */
export class Entry {
  readonly id: number;
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: Received['headers'];
  readonly startedMs: number;
  key = '';
  /** The body after decompression. */
  body: Buffer | null = null;
  bodyBytes = 0;
  bodySha256 = '';
  endedMs: number | null = null;
  status: number | null = null;
  rule: string | null = null;
  unitsSent = 0;
  socket: number | null = null;
  outcome: Outcome = 'open';
  /** Set before we break the connection off ourselves. */
  cutting = false;
  route = '';

  constructor(id: number, head: Pick<Received, 'method' | 'path' | 'query' | 'headers' | 'startedMs'>) {
    this.id = id;
    this.method = head.method;
    this.path = head.path;
    this.query = head.query;
    this.headers = head.headers;
    this.startedMs = head.startedMs;
  }

  view(full: boolean): Received {
    const headers = full
      ? this.headers
      : Object.fromEntries(Object.entries(this.headers).map(([name, value]) => [name, SECRET_HEADERS.has(name) ? masked(value) : value]));
    const { id, method, path, query, key, bodyBytes, bodySha256, startedMs, endedMs, status, rule, unitsSent, outcome, socket } = this;
    return {
      id,
      method,
      path,
      query,
      headers,
      key,
      body: readBody(this.body),
      bodyBytes,
      bodySha256,
      startedMs,
      endedMs,
      status,
      rule,
      unitsSent,
      outcome,
      socket,
    };
  }
}

function masked(value: string | readonly string[]): string {
  return [value]
    .flat()
    .map((each) => keyPrint(each.replace(/^Bearer /i, '')))
    .join(', ');
}

function readBody(bytes: Buffer | null): unknown {
  if (bytes === null || bytes.length === 0) return null;
  const text = bytes.toString();
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
