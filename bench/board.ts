import { FIGURES, typical, typicalRatio } from './figures/figures.ts';
import type { Of } from './figures/figures.ts';
import type { Reading } from './readings.ts';

/** A bound that a figure has to keep. */
interface Bound {
  readonly sign: '≤' | '≥';
  readonly must: number;
  /** What we would like to reach. */
  readonly aim?: number;
}

interface RowDef {
  readonly title: string;
  readonly above: Of;
  /** Makes the row a ratio. */
  readonly below?: Of;
  /** Absent where the figure is only told. */
  readonly bound?: Bound;
}

/** One line of the board, worked out. */
export interface Row {
  readonly title: string;
  readonly unit: string;
  /** Null when it was not measured. */
  readonly value: number | null;
  readonly bound: Bound | null;
  readonly met: boolean | null;
}

const ours = (figure: Of['figure']): Of => ({ figure, subject: 'switchyard' });
const of = (figure: Of['figure'], subject: string): Of => ({ figure, subject });

/** The table of architecture 7, as far as its things exist; rows without a bound are there to be looked at. */
export const BOARD: readonly RowDef[] = [
  { title: 'unary CPU vs bare Node', above: ours('unaryCpu'), below: of('unaryCpu', 'bare-node'), bound: { sign: '≤', must: 1.35, aim: 1.15 } },
  { title: 'unary CPU vs nginx', above: ours('unaryCpu'), below: of('unaryCpu', 'nginx'), bound: { sign: '≤', must: 6, aim: 4 } },
  { title: 'unary CPU vs Portkey', above: ours('unaryCpu'), below: of('unaryCpu', 'portkey'), bound: { sign: '≤', must: 0.2, aim: 0.12 } },
  { title: 'unary CPU vs HAProxy', above: ours('unaryCpu'), below: of('unaryCpu', 'haproxy') },
  { title: 'throughput per core vs Portkey', above: ours('unaryRate'), below: of('unaryRate', 'portkey'), bound: { sign: '≥', must: 5, aim: 8 } },
  { title: 'added first byte p99, streaming', above: ours('firstByteAddedP99'), bound: { sign: '≤', must: 1, aim: 0.4 } },
  { title: 'added first byte p90, streaming', above: ours('firstByteAddedP90') },
  { title: 'added first byte p50, streaming', above: ours('firstByteAddedP50') },
  {
    title: 'SSE events per second per core vs nginx',
    above: ours('eventsPerCoreSecond'),
    below: of('eventsPerCoreSecond', 'nginx'),
    bound: { sign: '≥', must: 0.3, aim: 0.45 },
  },
  {
    title: 'SSE events per second per core vs bare Node',
    above: ours('eventsPerCoreSecond'),
    below: of('eventsPerCoreSecond', 'bare-node'),
    bound: { sign: '≥', must: 0.85 },
  },
  {
    title: 'SSE events per second per core vs Portkey',
    above: ours('eventsPerCoreSecond'),
    below: of('eventsPerCoreSecond', 'portkey'),
    bound: { sign: '≥', must: 15 },
  },
  { title: 'CPU per untouched SSE event', above: ours('eventCpu'), bound: { sign: '≤', must: 25, aim: 12 } },
  {
    title: 'WebSocket messages per second per core vs bare Node',
    above: ours('framesPerCoreSecond'),
    below: of('framesPerCoreSecond', 'bare-node'),
    bound: { sign: '≥', must: 0.75, aim: 0.9 },
  },
  { title: '`/healthz` at 64 connections', above: ours('healthzRate'), bound: { sign: '≥', must: 10_000, aim: 20_000 } },
  { title: 'rejected key vs a clean pass, CPU', above: ours('rejectedCpu'), below: ours('unaryCpu'), bound: { sign: '≤', must: 0.5, aim: 0.3 } },
  { title: 'idle memory of the gateway, from source', above: ours('idleMemory'), bound: { sign: '≤', must: 150, aim: 85 } },
  { title: 'memory per open SSE stream at 9 000', above: ours('streamMemory9000'), bound: { sign: '≤', must: 40, aim: 20 } },
  { title: 'memory per open SSE stream at 1 000', above: ours('streamMemory1000') },
  { title: 'start again → first answer', above: ours('firstAnswer'), bound: { sign: '≤', must: 3, aim: 1 } },
  { title: 'choice among 10 000 accounts vs 10', above: ours('choiceGrowth'), bound: { sign: '≤', must: 2, aim: 1.3 } },
  { title: 'choice among 10 000 accounts p99', above: ours('choiceP99'), bound: { sign: '≤', must: 20, aim: 5 } },
  { title: 'binding look-up, 1 000 000 vs 1 000', above: ours('lookupGrowth'), bound: { sign: '≤', must: 3, aim: 1.5 } },
  { title: 'memory per binding at 1 000 000', above: ours('bindingBytes'), bound: { sign: '≤', must: 160, aim: 64 } },
  { title: 'binding look-up at 1 000 000', above: ours('lookupTime') },
  {
    title: 'request at 10 000 accounts and 1 000 000 bindings vs 10 and 1 000, CPU',
    above: of('grownCpu', 'switchyard-grown'),
    below: of('grownCpu', 'switchyard-small'),
    bound: { sign: '≤', must: 1.15, aim: 1.05 },
  },
  { title: 'start again with 1 000 000 bindings → first answer', above: of('restartAnswer', 'switchyard-grown'), bound: { sign: '≤', must: 3, aim: 1 } },
  { title: 'twice the load for 60 s: answered, of the peak', above: ours('overloadGoodput'), bound: { sign: '≥', must: 0.95, aim: 0.98 } },
  { title: 'twice the load for 60 s: loop lag p99', above: ours('overloadLag'), bound: { sign: '≤', must: 50 } },
  { title: 'flat out: SSE events per second per core vs nginx', above: ours('floodEventsPerCoreSecond'), below: of('floodEventsPerCoreSecond', 'nginx') },
  {
    title: 'flat out: SSE events per second per core vs bare Node',
    above: ours('floodEventsPerCoreSecond'),
    below: of('floodEventsPerCoreSecond', 'bare-node'),
  },
  { title: 'flat out: SSE events per second per core vs Portkey', above: ours('floodEventsPerCoreSecond'), below: of('floodEventsPerCoreSecond', 'portkey') },
  { title: '1 MiB body, CPU', above: ours('bodyCpu') },
  { title: '1 MiB body, CPU vs bare Node', above: ours('bodyCpu'), below: of('bodyCpu', 'bare-node') },
  { title: 'delay of a paced event p99 vs bare Node', above: ours('pacedDelayP99'), below: of('pacedDelayP99', 'bare-node') },
  { title: 'PostgreSQL CPU per unary request', above: ours('unaryPostgresCpu') },
];

/** Works out the board from the readings of the rounds that count. */
export function workOutBoard(readings: readonly Reading[], board: readonly RowDef[] = BOARD): Row[] {
  return board.map(({ title, above, below, bound }) => {
    const value = below === undefined ? typical(readings, above.figure, above.subject) : typicalRatio(readings, above, below);
    return {
      title,
      unit: below === undefined ? FIGURES[above.figure].unit : '×',
      value: value ?? null,
      bound: bound ?? null,
      met: bound === undefined || value === undefined ? null : bound.sign === '≤' ? value <= bound.must : value >= bound.must,
    };
  });
}
