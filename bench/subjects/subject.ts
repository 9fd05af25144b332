import type { Target } from '../load/request.ts';

/** One thing on the board: it stands between the load generator and the mock. */
export interface Subject {
  readonly name: string;
  readonly role: 'floor' | 'peer' | 'ours';
  /** What is being measured, for the report. @throws Error saying why it is not available here, and what would make it so. */
  prepare(): Promise<{ readonly version: string }>;
  /** Starts it afresh. @throws Error with the end of its log when it does not come up. */
  start(place: Place): Promise<RunningSubject>;
}

/** Where a subject runs. */
export interface Place {
  /** The upstream that it is to use. */
  readonly upstreamPort: number;
  /** The core it is held to; undefined leaves it to the kernel. */
  readonly core: number | undefined;
  /** A folder of this run, for configuration, state and logs. It is kept between two starts of one run. */
  readonly folder: string;
}

/** A subject that can be asked. */
export interface RunningSubject {
  /** For chat completions, with a key that is accepted. */
  readonly chat: Target;
  /** For turns over WebSocket; absent where it has none. */
  readonly socket?: Target;
  /** Its process; the figures are those of the whole tree under it. */
  readonly pid: number;
  /** Milliseconds from its start until it could serve. */
  readonly startMs: number;
  end(): Promise<void>;
}

/** The path that every subject serves. */
export const CHAT_PATH = '/v1/chat/completions';
/** The path of the WebSocket. */
export const SOCKET_PATH = '/v1/responses';
