import { connectTrouble } from './connect-trouble.ts';

/** What the pipeline asks of an account. Its header list is flat: name, value, name, value, … */
export interface UpstreamRequest {
  readonly method: string;
  /** Path and query below the account's base URL, beginning with `/`. */
  readonly path: string;
  readonly headers: string[];
  readonly body: Buffer | null;
  /** Limit from dispatch to the response head; codex itself has none (protocol trap 4). */
  readonly headTimeoutMs: number;
  /** Longest silence between two chunks of the body. */
  readonly idleTimeoutMs: number;
}

/** Why an upstream gave no answer, or stopped in the middle of one. A closed list: it labels metrics. */
export const UPSTREAM_FAILURES = ['connect', 'connect_timeout', 'head_timeout', 'idle_timeout', 'reset', 'protocol', 'aborted'] as const;
export type UpstreamFailureReason = (typeof UPSTREAM_FAILURES)[number];

/** No answer, or half of one. The message may be told to clients. */
export class UpstreamFailure extends Error {
  readonly reason: UpstreamFailureReason;
  /** What happened and where, for operators only; null when the reason says all there is. */
  readonly detail: string | null;
  constructor(reason: UpstreamFailureReason, cause?: unknown) {
    const trouble = connectTrouble(cause);
    super(trouble?.brief ?? `upstream ${reason.replace('_', ' ')}`, { cause });
    this.name = 'UpstreamFailure';
    this.reason = reason;
    this.detail = trouble?.full ?? null;
  }
}

/** Where a body goes. Calls come in order, never after `end` or `fail`; exactly one of these ends the body. */
export interface BodySink {
  data(chunk: Buffer): void;
  end(): void;
  fail(failure: UpstreamFailure): void;
}

/**
 * A body that has begun to arrive. Nothing is delivered before `start`; at most one chunk may arrive after `pause`. A body may be started
 * anew: the new sink gets what comes from then on, and its end also when that has come already.
 */
export interface UpstreamBody {
  start(sink: BodySink): void;
  pause(): void;
  resume(): void;
}

export type AnswerHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

export interface UpstreamAnswer {
  readonly status: number;
  /** By lower-case name; a list where the upstream sent a header more than once. */
  readonly headers: AnswerHeaders;
  readonly body: UpstreamBody;
}

/** One request on its way. `abort` closes the upstream's connection at once and makes `answer` or the body fail with `aborted`. */
export interface UpstreamCall {
  readonly answer: Promise<UpstreamAnswer>;
  abort(): void;
}

/**
 * An account as the pipeline sees it. HTTP accounts implement it now; workers do later, and the pipeline knows nothing else.
 * `answer` rejects only with UpstreamFailure.
 */
export interface Upstream {
  dispatch(request: UpstreamRequest): UpstreamCall;
  close(): Promise<void>;
}
