import { hash } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { chatBody } from './load/request.ts';
import { DIRECT } from './readings.ts';
import type { BodiesReading, PacedReading, Reading } from './readings.ts';
import type { Target } from './load/request.ts';
import type { Watched } from './load/window.ts';
import type { Load, Mock } from './machine/worker.ts';
import type { Measure, Plan } from './plan.ts';
import { CHAT_PATH, SOCKET_PATH } from './subjects/subject.ts';
import type { RunningSubject, Subject } from './subjects/subject.ts';

/** Connections of the closed loops: enough to keep any subject busy, few enough that none queues for long. */
const CONNECTIONS = 64;
/** Connections that send large bodies. */
const BODY_CONNECTIONS = 8;
/** The large body. */
const BODY_BYTES = 1_048_576;
/** About the size of a chat completion chunk. */
const EVENT_BYTES = 220;
const PACED_STREAMS = 40;
const PACE_MS = 20;
/** In this time a stream whose client has left ends upstream, where anybody ends it. */
const LEAVE_MS = 500;
/** Portkey waits 25 ms before each first byte, so that it is asked apart from the others, and less often. */
const PORTKEY_FIRST_BYTE_STREAMS = 100;

/** What a measurement needs at hand. */
export interface Bench {
  readonly plan: Plan;
  readonly mock: Mock;
  readonly load: Load;
  readonly progress: (text: string) => void;
  /** Programs that only keep a core awake; they are nobody's noise. */
  readonly idlers: readonly number[];
}

/** A subject that is up. */
export interface Entrant {
  readonly subject: Subject;
  readonly running: RunningSubject;
}

/** Node has compiled what is hot after about so many requests, and a machine that others share may need half a minute for them. */
const HOT_REQUESTS = 40_000;
const MOST_WARM_WINDOWS = 4;

/** Asks each subject until it is as fast as it becomes, or for so many windows. */
export async function warmUp(bench: Bench, entrants: readonly Entrant[]): Promise<void> {
  for (const { subject, running } of entrants) {
    let asked = 0;
    for (let n = 0; n < MOST_WARM_WINDOWS && asked < HOT_REQUESTS; n++) {
      bench.progress(`warming up ${subject.name}`);
      asked += (await requests(bench, 'unary', running.chat, running.pid)).requests;
    }
  }
}

/** Measures everything that can be measured on running subjects, once, one subject after the other within each measure. */
export async function measureLoad(bench: Bench, entrants: readonly Entrant[], round: number): Promise<Reading[]> {
  const readings: Reading[] = [];
  const ours = entrants.filter(({ subject }) => subject.role === 'ours');
  const turn = (entrant: Entrant): string => entrant.subject.name;
  const direct = { port: bench.mock.port, path: CHAT_PATH, headers: {} };

  for (const measure of bench.plan.measures) {
    switch (measure) {
      case 'bodies':
        readings.push({ round, measure, subject: DIRECT, result: await bodies(bench, direct, bench.mock.child.pid) });
        for (const entrant of entrants) {
          bench.progress(`round ${round}: ${measure} through ${turn(entrant)}`);
          readings.push({ round, measure, subject: turn(entrant), result: await bodies(bench, entrant.running.chat, entrant.running.pid) });
        }
        break;
      case 'unary':
        readings.push({ round, measure, subject: DIRECT, result: await requests(bench, measure, direct, bench.mock.child.pid) });
        for (const entrant of entrants) {
          bench.progress(`round ${round}: ${measure} through ${turn(entrant)}`);
          readings.push({ round, measure, subject: turn(entrant), result: await requests(bench, measure, entrant.running.chat, entrant.running.pid) });
        }
        break;
      case 'rejected':
      case 'healthz':
        for (const entrant of ours) {
          bench.progress(`round ${round}: ${measure} of ${turn(entrant)}`);
          const { chat, pid } = entrant.running;
          const target =
            measure === 'healthz'
              ? { ...chat, path: '/healthz', headers: {} }
              : { ...chat, headers: { authorization: 'Bearer sk-test-unknown-key-not-a-secret' } };
          readings.push({ round, measure, subject: turn(entrant), result: await requests(bench, measure, target, pid) });
        }
        break;
      case 'events':
      case 'flood':
        readings.push({ round, measure, subject: DIRECT, result: await events(bench, measure, direct, bench.mock.child.pid) });
        for (const entrant of entrants) {
          bench.progress(`round ${round}: ${measure} through ${turn(entrant)}`);
          readings.push({ round, measure, subject: turn(entrant), result: await events(bench, measure, entrant.running.chat, entrant.running.pid) });
        }
        break;
      case 'frames':
        readings.push({ round, measure, subject: DIRECT, result: await frames(bench, { ...direct, path: SOCKET_PATH }, bench.mock.child.pid) });
        for (const entrant of entrants) {
          const { socket, pid } = entrant.running;
          if (socket === undefined) continue;
          bench.progress(`round ${round}: WebSocket messages through ${turn(entrant)}`);
          readings.push({ round, measure, subject: turn(entrant), result: await frames(bench, socket, pid) });
        }
        break;
      case 'paced':
        readings.push({ round, measure, subject: DIRECT, result: await paced(bench, direct, bench.mock.child.pid) });
        for (const entrant of entrants) {
          bench.progress(`round ${round}: paced events through ${turn(entrant)}`);
          readings.push({ round, measure, subject: turn(entrant), result: await paced(bench, entrant.running.chat, entrant.running.pid) });
        }
        break;
      case 'first-byte':
        readings.push(...(await measureFirstByte(bench, direct, entrants, round)));
        break;
      case 'open-streams':
      case 'start':
      case 'choice':
      case 'bindings':
      case 'grown':
      case 'overload':
        break; // these want a process of their own: measure-fresh.ts, measure-grown.ts, measure-overload.ts
    }
  }
  return readings;
}

async function measureFirstByte(bench: Bench, direct: Target, entrants: readonly Entrant[], round: number): Promise<Reading[]> {
  const readings: Reading[] = [];
  const groups = [
    { members: entrants.filter(({ subject }) => subject.role !== 'peer'), streams: bench.plan.firstByteStreams },
    { members: entrants.filter(({ subject }) => subject.role === 'peer'), streams: Math.min(PORTKEY_FIRST_BYTE_STREAMS, bench.plan.firstByteStreams) },
  ];
  for (const { members, streams } of groups) {
    if (members.length === 0) continue;
    bench.progress(`round ${round}: first byte through ${members.map(({ subject }) => subject.name).join(', ')} in turn`);
    const { targets } = await bench.load.run({
      kind: 'first-byte',
      targets: [direct, ...members.map(({ running }) => running.chat)],
      settle: Math.ceil(streams / 10),
      streams,
      events: 3,
      eventBytes: EVENT_BYTES,
    });
    const [base, ...through] = targets;
    for (const [i, entrant] of members.entries()) {
      const seen = through[i];
      if (base === undefined || seen === undefined) throw new Error('The load generator left out a target.');
      readings.push({
        round,
        measure: 'first-byte',
        subject: entrant.subject.name,
        result: { direct: base.firstByteUs, through: seen.firstByteUs, failed: seen.failed },
      });
    }
  }
  return readings;
}

/** A closed loop of requests through a target. */
export function requests(bench: Bench, measure: Measure, target: Target, pid: number) {
  return bench.load.run({
    kind: 'requests',
    target,
    method: measure === 'healthz' ? 'GET' : 'POST',
    ...(measure === 'bodies' ? { bodyBytes: BODY_BYTES } : {}),
    connections: measure === 'bodies' ? BODY_CONNECTIONS : CONNECTIONS,
    expectStatus: measure === 'rejected' ? 401 : 200,
    settleMs: bench.plan.settleMs,
    windowMs: bench.plan.windowMs,
    watched: watch(bench, pid),
  });
}

const BODY_HASH = hash('sha256', chatBody(undefined, BODY_BYTES));

async function bodies(bench: Bench, target: Target, pid: number): Promise<BodiesReading> {
  await bench.mock.stats(); // forgets what it sampled before
  const result = await requests(bench, 'bodies', target, pid);
  const { bodyHashes } = await bench.mock.stats();
  return { ...result, uploadsSampled: bodyHashes.length, uploadsIdentical: bodyHashes.filter((seen) => seen === BODY_HASH).length };
}

function events(bench: Bench, measure: 'events' | 'flood', target: Target, pid: number) {
  const shape =
    measure === 'events' ? ({ mode: 'credit', streams: CONNECTIONS, events: 500 } as const) : ({ mode: 'flat', streams: 16, events: 5000 } as const);
  return bench.load.run({
    kind: 'events',
    ...shape,
    target,
    creditPort: bench.mock.creditPort,
    eventBytes: EVENT_BYTES,
    settleMs: bench.plan.settleMs,
    windowMs: bench.plan.windowMs,
    watched: watch(bench, pid),
  });
}

/** Streams that go on slowly until their clients leave. Some read theirs on for ever, at the cost of all that is measured after them: those are counted and ended. */
async function paced(bench: Bench, target: Target, pid: number): Promise<PacedReading> {
  const result = await bench.load.run({
    kind: 'open-streams',
    target,
    streams: PACED_STREAMS,
    paceMs: PACE_MS,
    eventBytes: EVENT_BYTES,
    holdMs: bench.plan.windowMs,
    watched: watch(bench, pid),
  });
  await wait(LEAVE_MS);
  return { ...result, leftRunning: await bench.mock.endStreams() };
}

function frames(bench: Bench, target: Target, pid: number) {
  return bench.load.run({
    kind: 'frames',
    target,
    creditPort: bench.mock.creditPort,
    sockets: CONNECTIONS,
    frames: 500,
    frameBytes: EVENT_BYTES,
    settleMs: bench.plan.settleMs,
    windowMs: bench.plan.windowMs,
    watched: watch(bench, pid),
  });
}

/** The processes whose CPU counts for a subject. */
export function watch(bench: Bench, pid: number): Watched {
  return { subject: [pid], mock: bench.mock.child.pid, idlers: bench.idlers };
}
