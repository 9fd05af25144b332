import { EVENT_NUMBER_AT, eventBytes, readDigits } from '../mock/bytes.ts';
import { writeScript } from '../mock/script.ts';
import { openConnection } from './connection.ts';
import type { Connection } from './connection.ts';
import { openCredit } from './credit.ts';
import { EventScanner } from './event-scanner.ts';
import { chatRequest } from './request.ts';
import type { Target } from './request.ts';
import { wait } from './request-load.ts';
import { openWindow } from './window.ts';
import type { Watched, WindowReading } from './window.ts';

/**
 * Streams that bring as many events as the subject can take, in one of two ways.
 * - `credit`, a closed loop: the mock sends the next event of a stream when the one before has arrived here, so that each
 *   event crosses the subject alone, in a segment of its own, while the subject is as busy as it can be.
 * - `flat`: the mock sends without waiting, one write for each event; a subject that falls behind finds several events in
 *   one read, as a slow receiver does in life.
 */
export interface EventJob {
  readonly kind: 'events';
  readonly mode: 'credit' | 'flat';
  readonly target: Target;
  readonly creditPort: number;
  readonly streams: number;
  /** Events of one stream; then the connection asks for a new one. */
  readonly events: number;
  readonly eventBytes: number;
  readonly settleMs: number;
  readonly windowMs: number;
  readonly watched: Watched;
}

/** What the window saw. */
export interface EventResult {
  readonly kind: 'events';
  readonly window: WindowReading;
  readonly events: number;
  readonly streamsEnded: number;
  /** Events that were not the next one of their stream: lost, twice or out of order. */
  readonly outOfOrder: number;
  readonly wrongStatus: number;
  readonly lostConnections: number;
  readonly sampled: number;
  readonly identical: number;
}

const SAMPLE_EVERY = 64;

/** Runs the job. @throws Error when a connection cannot be opened. */
export async function runEvents(job: EventJob): Promise<EventResult> {
  const credit = job.mode === 'credit' ? await openCredit(job.creditPort) : undefined;
  const expected = Array.from({ length: job.events }, (_, number) => eventBytes(number, job.eventBytes));
  const counts = { events: 0, streamsEnded: 0, outOfOrder: 0, wrongStatus: 0, lostConnections: 0, sampled: 0, identical: 0 };
  const connections: Connection[] = [];
  let running = true;

  const openOne = async (id: number): Promise<void> => {
    const script = { mode: job.mode, events: job.events, eventBytes: job.eventBytes, paceMs: 0, id } as const;
    const request = chatRequest(job.target, writeScript(script));
    let next = 0;
    const scanner = new EventScanner((bytes, from, to) => {
      if (next < job.events) {
        const number = readDigits(bytes, from + EVENT_NUMBER_AT, 8);
        if (number !== next) counts.outOfOrder++;
        if (counts.events % SAMPLE_EVERY === 0) {
          counts.sampled++;
          if (bytes.compare(expected[next] as Buffer, 0, undefined, from, to) === 0) counts.identical++;
        }
        credit?.grant(id);
      }
      next++;
      counts.events++;
    });
    const own: Connection = await openConnection(
      job.target.port,
      {
        head: (status) => {
          if (status !== 200) counts.wrongStatus++;
        },
        body: (bytes, from, to) => scanner.push(bytes, from, to),
        end: () => {
          if (next !== job.events + 1 || !scanner.idle) counts.outOfOrder++;
          counts.streamsEnded++;
          next = 0;
          if (running) own.send(request);
        },
      },
      () => {
        counts.lostConnections++;
        if (running) void openOne(id);
      },
    );
    connections.push(own);
    own.send(request);
  };

  await Promise.all(Array.from({ length: job.streams }, (_, id) => openOne(id)));
  await wait(job.settleMs);
  const close = openWindow(job.watched);
  Object.assign(counts, { events: 0, streamsEnded: 0, outOfOrder: 0, wrongStatus: 0, lostConnections: 0, sampled: 0, identical: 0 });
  await wait(job.windowMs);
  const seen = { ...counts };
  const window = close();
  running = false;
  for (const connection of connections) connection.end();
  credit?.end();
  return { kind: 'events', window, ...seen };
}
