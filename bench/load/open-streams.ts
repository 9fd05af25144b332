import { Samples } from '../figures/samples.ts';
import type { Summary } from '../figures/samples.ts';
import { proportionalBytes, residentBytes } from '../machine/process-table.ts';
import type { Split } from '../machine/process-table.ts';
import { EVENT_NUMBER_AT, EVENT_TIME_AT, monotonicMicroseconds, readDigits } from '../mock/bytes.ts';
import { writeScript } from '../mock/script.ts';
import { openConnection } from './connection.ts';
import type { Connection } from './connection.ts';
import { EventScanner } from './event-scanner.ts';
import { chatRequest } from './request.ts';
import type { Target } from './request.ts';
import { wait } from './request-load.ts';
import { openWindow } from './window.ts';
import type { Watched, WindowReading } from './window.ts';

/** Many streams held open at once, each with an event now and then. */
export interface OpenStreamsJob {
  readonly kind: 'open-streams';
  readonly target: Target;
  readonly streams: number;
  readonly paceMs: number;
  readonly eventBytes: number;
  /** How long the window is, once every stream has had its first event. */
  readonly holdMs: number;
  readonly watched: Watched;
}

/** What the window saw. */
export interface OpenStreamsResult {
  readonly kind: 'open-streams';
  readonly window: WindowReading;
  /** Streams that were open and whole at the end. */
  readonly open: number;
  readonly failed: number;
  /** Why the first that failed did. */
  readonly firstFailure?: string;
  readonly events: number;
  readonly outOfOrder: number;
  /** Microseconds from the mock's write of an event to its arrival here. */
  readonly delayUs: Summary;
  /** Memory of the subject at the end of the window, with all streams open. */
  readonly resident: Split;
  readonly proportional: Split;
}

/** Streams that may be waiting for their answer's head at once while the streams are being opened. */
const OPENING_AT_ONCE = 64;
/** More than a window ever needs: the streams end by being closed. */
const ENDLESS_EVENTS = 1_000_000;

/** Runs the job. A stream that cannot be opened is counted, not thrown. */
export async function runOpenStreams(job: OpenStreamsJob): Promise<OpenStreamsResult> {
  const connections: Connection[] = [];
  const delay = new Samples();
  const counts = { events: 0, outOfOrder: 0 };
  let failed = 0;
  let firstFailure: string | undefined;
  let nextId = 0;

  const openOne = (id: number): Promise<void> =>
    new Promise((resolve) => {
      let broken = false;
      let number = 0;
      const fail = (reason: string): void => {
        if (!broken) failed++;
        broken = true;
        firstFailure ??= reason;
        resolve();
      };
      const scanner = new EventScanner((bytes, from) => {
        const now = monotonicMicroseconds();
        if (readDigits(bytes, from + EVENT_NUMBER_AT, 8) !== number) counts.outOfOrder++;
        delay.add(now - readDigits(bytes, from + EVENT_TIME_AT, 16));
        counts.events++;
        if (number++ === 0) resolve();
      });
      const script = { mode: 'paced', events: ENDLESS_EVENTS, eventBytes: job.eventBytes, paceMs: job.paceMs, id } as const;
      openConnection(
        job.target.port,
        {
          head: (status) => {
            if (status !== 200) fail(`status ${status}`);
          },
          body: (bytes, from, to) => {
            if (!broken) scanner.push(bytes, from, to);
          },
          end: () => fail('the stream ended'),
        },
        (error) => fail(error.message),
      ).then(
        (connection) => {
          connections.push(connection);
          connection.send(chatRequest(job.target, writeScript(script)));
        },
        (error: unknown) => fail((error as Error).message),
      );
    });

  const opener = async (): Promise<void> => {
    while (nextId < job.streams) await openOne(nextId++);
  };
  await Promise.all(Array.from({ length: Math.min(OPENING_AT_ONCE, job.streams) }, opener));

  const close = openWindow(job.watched);
  delay.clear();
  counts.events = 0;
  await wait(job.holdMs);
  const seen = { ...counts };
  const window = close();
  const resident = residentBytes(job.watched.subject);
  const proportional = proportionalBytes(job.watched.subject);
  for (const connection of connections) connection.end();
  return {
    kind: 'open-streams',
    window,
    open: job.streams - failed,
    failed,
    ...(firstFailure === undefined ? {} : { firstFailure }),
    ...seen,
    delayUs: delay.summary(),
    resident,
    proportional,
  };
}
