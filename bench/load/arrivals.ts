import { Samples } from '../figures/samples.ts';
import type { Summary } from '../figures/samples.ts';
import { writeWait } from '../mock/script.ts';
import { openConnection } from './connection.ts';
import type { Connection } from './connection.ts';
import { chatRequest } from './request.ts';
import type { Target } from './request.ts';
import { wait } from './request-load.ts';

/** Requests that come at a pace of their own, whether those before are answered or not: what overload is. */
export interface ArrivalsJob {
  readonly kind: 'arrivals';
  readonly target: Target;
  readonly perSecond: number;
  /** How long the mock takes for each answer. */
  readonly answerMs: number;
  readonly settleMs: number;
  readonly windowMs: number;
}

/** What became of the requests that were answered within the window. */
export interface ArrivalsResult {
  readonly kind: 'arrivals';
  readonly seconds: number;
  readonly sent: number;
  readonly answered: number;
  /** Refused with 503. */
  readonly shed: number;
  readonly otherStatus: number;
  readonly lostConnections: number;
  /** Of the answered, from the write to the end of the answer. */
  readonly latencyMs: Summary;
  readonly shedLatencyMs: Summary;
}

const TICK_MS = 5;

/** Runs the job. @throws Error when a connection cannot be opened. */
export async function runArrivals(job: ArrivalsJob): Promise<ArrivalsResult> {
  const request = chatRequest(job.target, writeWait(job.answerMs));
  const [answered, shed] = [new Samples(), new Samples()];
  const counts = { sent: 0, answered: 0, shed: 0, otherStatus: 0, lostConnections: 0 };
  const all: Connection[] = [];
  const idle: (() => void)[] = [];
  let running = true;

  const openOne = async (): Promise<() => void> => {
    let status = 0;
    let sentAt = 0;
    let isWaiting = false;
    const ask = (): void => {
      sentAt = performance.now();
      counts.sent++;
      isWaiting = true;
      own.send(request);
    };
    const own: Connection = await openConnection(
      job.target.port,
      {
        head: (seen) => {
          status = seen;
        },
        body: () => {},
        end: () => {
          const took = performance.now() - sentAt;
          if (status === 200) {
            counts.answered++;
            answered.add(took);
          } else if (status === 503) {
            counts.shed++;
            shed.add(took);
          } else counts.otherStatus++;
          isWaiting = false;
          idle.push(ask);
        },
      },
      () => {
        // A server may close a connection that is not used.
        if (isWaiting && running) counts.lostConnections++;
        const at = idle.indexOf(ask);
        if (at !== -1) idle.splice(at, 1);
      },
    );
    all.push(own);
    return ask;
  };

  const startedAt = performance.now();
  let due = 0;
  const pacer = setInterval(() => {
    const target = ((performance.now() - startedAt) / 1_000) * job.perSecond;
    for (; due < target; due++) {
      const ask = idle.pop();
      if (ask !== undefined) ask();
      else
        openOne().then(
          (opened) => opened(),
          () => counts.lostConnections++,
        );
    }
  }, TICK_MS);
  await wait(job.settleMs);
  answered.clear();
  shed.clear();
  Object.assign(counts, { sent: 0, answered: 0, shed: 0, otherStatus: 0, lostConnections: 0 });
  const openedAt = performance.now();
  await wait(job.windowMs);
  const seen = { ...counts, seconds: (performance.now() - openedAt) / 1_000 };
  running = false;
  clearInterval(pacer);
  for (const connection of all) connection.end();
  return { kind: 'arrivals', ...seen, latencyMs: answered.summary(), shedLatencyMs: shed.summary() };
}
