import { wait } from './load/request-load.ts';
import { chatRequest } from './load/request.ts';
import { openConnection } from './load/connection.ts';
import { proportionalBytes, residentBytes } from './machine/process-table.ts';
import { watch } from './measure-load.ts';
import type { Bench } from './measure-load.ts';
import type { Reading } from './readings.ts';
import type { Place, RunningSubject, Subject } from './subjects/subject.ts';

const OPEN_PACE_MS = 2000;
const EVENT_BYTES = 220;
/** Settles a process's heap before its memory is read for the first time. */
const WARM_UP_MS = 2500;
const IDLE_MS = 3000;

/** Measures a fresh process: its start, its memory when idle, and what each open stream adds to it. */
export async function measureFresh(bench: Bench, subject: Subject, place: Place, streams: number, round: number): Promise<Reading[]> {
  const readings: Reading[] = [];
  const running = await subject.start(place);
  try {
    if (bench.plan.measures.includes('start')) {
      bench.progress(`memory round ${round}: start of ${subject.name}`);
      const answeredMs = await firstAnswer(running);
      await wait(IDLE_MS);
      readings.push({
        round,
        measure: 'start',
        subject: subject.name,
        result: { readyMs: running.startMs, firstAnswerMs: running.startMs + answeredMs, idleResident: residentBytes([running.pid]) },
      });
    }
    if (bench.plan.measures.includes('open-streams')) {
      bench.progress(`memory round ${round}: ${streams} streams held open by ${subject.name}`);
      const watched = watch(bench, running.pid);
      await bench.load.run({
        kind: 'requests',
        target: running.chat,
        method: 'POST',
        connections: 64,
        expectStatus: 200,
        settleMs: 0,
        windowMs: WARM_UP_MS,
        watched,
      });
      const residentBefore = residentBytes([running.pid]);
      const proportionalBefore = proportionalBytes([running.pid]);
      const result = await bench.load.run(
        { kind: 'open-streams', target: running.chat, streams, paceMs: OPEN_PACE_MS, eventBytes: EVENT_BYTES, holdMs: bench.plan.holdMs, watched },
        300_000,
      );
      readings.push({ round, measure: 'open-streams', subject: subject.name, result: { ...result, streams, residentBefore, proportionalBefore } });
    }
  } finally {
    await running.end();
  }
  return readings;
}

/** Milliseconds until one chat completion is answered. @throws Error when it is not answered with 200. */
export async function firstAnswer(running: RunningSubject): Promise<number> {
  const startedAt = performance.now();
  let connection: { end(): void } | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      let status = 0;
      const sink = {
        head: (answered: number) => {
          status = answered;
        },
        body: () => {},
        end: () => (status === 200 ? resolve() : reject(new Error(`The first answer had status ${status}.`))),
      };
      openConnection(running.chat.port, sink, reject).then((opened) => {
        connection = opened;
        opened.send(chatRequest(running.chat));
      }, reject);
    });
  } finally {
    connection?.end();
  }
  return performance.now() - startedAt;
}
