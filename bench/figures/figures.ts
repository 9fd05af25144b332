import { median } from './samples.ts';
import type { Reading, ReadingOf } from '../readings.ts';

interface FigureDef {
  readonly unit: string;
  /** The figure of a reading, or undefined when the reading is of another kind or says nothing about it. */
  readonly of: (reading: Reading) => number | undefined;
}

function from<M extends Reading['measure']>(measure: M, unit: string, of: (reading: ReadingOf<M>) => number | undefined): FigureDef {
  return { unit, of: (reading) => (reading.measure === measure ? of(reading as ReadingOf<M>) : undefined) };
}

const US = 1000;
const KIB = 1024;
const MIB = 1_048_576;

function perStream(streams: number): FigureDef {
  return from('open-streams', 'KiB', ({ result }) =>
    result.streams === streams && result.failed === 0 ? (result.resident.own - result.residentBefore.own) / streams / KIB : undefined,
  );
}

/** Every figure the board can speak of, read from one raw reading. CPU is the kernel's, of the whole process tree without PostgreSQL. */
export const FIGURES = {
  unaryCpu: from('unary', 'µs', ({ result }) => result.window.subjectNs.own / US / result.requests),
  unaryPostgresCpu: from('unary', 'µs', ({ result }) => result.window.subjectNs.postgres / US / result.requests),
  unaryRate: from('unary', '/s', ({ result }) => result.requests / result.window.seconds),
  unaryP50: from('unary', 'ms', ({ result }) => result.latencyMs.p50),
  unaryP99: from('unary', 'ms', ({ result }) => result.latencyMs.p99),
  rejectedCpu: from('rejected', 'µs', ({ result }) => result.window.subjectNs.own / US / result.requests),
  healthzRate: from('healthz', '/s', ({ result }) => result.requests / result.window.seconds),
  bodyCpu: from('bodies', 'ms', ({ result }) => result.window.subjectNs.own / US / US / result.requests),
  eventCpu: from('events', 'µs', ({ result }) => result.window.subjectNs.own / US / result.events),
  eventPostgresCpu: from('events', 'µs', ({ result }) => result.window.subjectNs.postgres / US / result.events),
  eventRate: from('events', '/s', ({ result }) => result.events / result.window.seconds),
  eventsPerCoreSecond: from('events', '/s', ({ result }) => result.events / (result.window.subjectNs.own / 1e9)),
  floodEventCpu: from('flood', 'µs', ({ result }) => result.window.subjectNs.own / US / result.events),
  floodEventRate: from('flood', '/s', ({ result }) => result.events / result.window.seconds),
  floodEventsPerCoreSecond: from('flood', '/s', ({ result }) => result.events / (result.window.subjectNs.own / 1e9)),
  frameCpu: from('frames', 'µs', ({ result }) => result.window.subjectNs.own / US / result.frames),
  frameRate: from('frames', '/s', ({ result }) => result.frames / result.window.seconds),
  framesPerCoreSecond: from('frames', '/s', ({ result }) => result.frames / (result.window.subjectNs.own / 1e9)),
  firstByteAddedP50: from('first-byte', 'ms', ({ result }) => (result.through.p50 - result.direct.p50) / 1000),
  firstByteAddedP90: from('first-byte', 'ms', ({ result }) => (result.through.p90 - result.direct.p90) / 1000),
  firstByteAddedP99: from('first-byte', 'ms', ({ result }) => (result.through.p99 - result.direct.p99) / 1000),
  pacedDelayP50: from('paced', 'ms', ({ result }) => result.delayUs.p50 / 1000),
  pacedDelayP99: from('paced', 'ms', ({ result }) => result.delayUs.p99 / 1000),
  streamMemory1000: perStream(1000),
  streamMemory9000: perStream(9000),
  grownCpu: from('grown', 'µs', ({ result }) => result.window.subjectNs.own / US / result.requests),
  restartAnswer: from('restart', 's', ({ result }) => result.firstAnswerMs / 1000),
  overloadGoodput: from('overload', '×', ({ result: { peak, overload } }) => overload.answered / overload.seconds / (peak.requests / peak.window.seconds)),
  overloadLag: from('overload', 'ms', ({ result }) => result.loopLagP99Ms),
  choiceGrowth: from('choice', '×', ({ result: { choice } }) => (choice.at(-1)?.choice_us.median ?? Number.NaN) / (choice[0]?.choice_us.median ?? Number.NaN)),
  choiceP99: from('choice', 'µs', ({ result: { choice } }) => choice.at(-1)?.choice_us.p99),
  lookupGrowth: from('bindings', '×', ({ result: { sizes } }) => (sizes.at(-1)?.hitNs ?? Number.NaN) / (sizes[0]?.hitNs ?? Number.NaN)),
  lookupTime: from('bindings', 'ns', ({ result: { sizes } }) => sizes.at(-1)?.hitNs),
  bindingBytes: from('bindings', 'B', ({ result: { sizes } }) => sizes.at(-1)?.bytesEach),
  idleMemory: from('start', 'MiB', ({ result }) => result.idleResident.own / MIB),
  firstAnswer: from('start', 's', ({ result }) => result.firstAnswerMs / 1000),
} as const satisfies Record<string, FigureDef>;

export type FigureName = keyof typeof FIGURES;

/** A figure of one subject, by round. A round with several readings of it has their median. */
export function byRound(readings: readonly Reading[], name: FigureName, subject: string): Map<number, number> {
  const values = new Map<number, number[]>();
  for (const reading of readings) {
    if (reading.subject !== subject) continue;
    const value = FIGURES[name].of(reading);
    if (value === undefined || !Number.isFinite(value)) continue;
    values.set(reading.round, [...(values.get(reading.round) ?? []), value]);
  }
  return new Map([...values].map(([round, seen]) => [round, median(seen)]));
}

/** The median over the rounds; undefined when there is no reading. */
export function typical(readings: readonly Reading[], name: FigureName, subject: string): number | undefined {
  return medianOrNone([...byRound(readings, name, subject).values()]);
}

/** One side of a ratio. */
export interface Of {
  readonly figure: FigureName;
  readonly subject: string;
}

/**
 * The median of the ratios that each round gives by itself: what disturbs the machine for minutes disturbs both sides
 * of a round alike. Undefined when no round has both.
 */
export function typicalRatio(readings: readonly Reading[], above: Of, below: Of): number | undefined {
  const lower = byRound(readings, below.figure, below.subject);
  const ratios: number[] = [];
  for (const [round, value] of byRound(readings, above.figure, above.subject)) {
    const divisor = lower.get(round);
    if (divisor !== undefined && divisor !== 0) ratios.push(value / divisor);
  }
  return medianOrNone(ratios);
}

function medianOrNone(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : median(values);
}
