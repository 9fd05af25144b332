import type { Summary } from './figures/samples.ts';
import type { EventResult } from './load/event-load.ts';
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
  readonly 'first-byte': FirstByteReading;
  readonly paced: OpenStreamsResult;
  readonly 'open-streams': OpenStreamsReading;
  readonly start: StartReading;
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
