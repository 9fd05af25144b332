import type { Summary } from './figures/samples.ts';
import type { ArrivalsResult } from './load/arrivals.ts';
import type { EventResult } from './load/event-load.ts';
import type { FrameResult } from './load/frame-load.ts';
import type { OpenStreamsResult } from './load/open-streams.ts';
import type { RequestResult } from './load/request-load.ts';
import type { Split } from './machine/process-table.ts';

interface Results {
  readonly unary: RequestResult;
  readonly rejected: RequestResult;
  readonly healthz: RequestResult;
  readonly bodies: BodiesReading;
  readonly events: EventResult;
  readonly flood: EventResult;
  readonly frames: FrameResult;
  readonly 'first-byte': FirstByteReading;
  readonly paced: PacedReading;
  readonly 'open-streams': OpenStreamsReading;
  readonly start: StartReading;
  readonly bindings: BindingsReading;
  readonly choice: ChoiceReading;
  readonly grown: RequestResult;
  readonly restart: RestartReading;
  readonly overload: OverloadReading;
}

/** One raw measurement of one kind. */
export interface ReadingOf<M extends keyof Results> {
  readonly round: number;
  readonly subject: string;
  readonly measure: M;
  readonly result: Results[M];
}

/** One raw measurement: what was measured, of whom, in which round. They are kept in the result file as they are. */
export type Reading = { [M in keyof Results]: ReadingOf<M> }[keyof Results];

/** Large bodies, and how many of those that the mock sampled had arrived there as they were sent. */
export interface BodiesReading extends RequestResult {
  readonly uploadsSampled: number;
  readonly uploadsIdentical: number;
}

/** Streams whose clients leave in the middle. */
export interface PacedReading extends OpenStreamsResult {
  /** Those that still ran upstream half a second later, and were ended by the mock. */
  readonly leftRunning: number;
}

/** First bytes of a subject, and of the mock asked directly in the same stretch. Microseconds. */
export interface FirstByteReading {
  readonly direct: Summary;
  readonly through: Summary;
  readonly failed: number;
}

/** Streams held open by a fresh process. */
export interface OpenStreamsReading extends OpenStreamsResult {
  readonly streams: number;
  /** Memory before the first of them, after a warm-up load. */
  readonly residentBefore: Split;
  readonly proportionalBefore: Split;
}

/** Look-ups in tables of several sizes, the smallest first. */
export interface BindingsReading {
  readonly sizes: readonly { readonly size: number; readonly hitNs: number; readonly missNs: number; readonly bytesEach: number }[];
}

/** Choices among so many accounts, the fewest first. Microseconds. */
export interface ChoiceReading {
  readonly choice: readonly { readonly accounts: number; readonly choice_us: { readonly median: number; readonly p99: number }; readonly turn_us: number }[];
}

/** As many requests as there is room for, and then twice as many. */
export interface OverloadReading {
  readonly peak: RequestResult;
  readonly overload: ArrivalsResult;
  /** The worst of what the server told of its event loop during the overload. */
  readonly loopLagP99Ms: number;
}

/** A start with what the server held. Milliseconds. */
export interface RestartReading {
  readonly readyMs: number;
  readonly firstAnswerMs: number;
}

/** A start with the state of an earlier run. */
export interface StartReading {
  /** Milliseconds until it could serve. */
  readonly readyMs: number;
  /** Milliseconds until its first answer had arrived. */
  readonly firstAnswerMs: number;
  /** Memory three seconds after that answer. */
  readonly idleResident: Split;
}

/** The mock asked without anything in between. */
export const DIRECT = 'direct';
