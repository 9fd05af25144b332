import { Samples } from '../figures/samples.ts';
import type { Summary } from '../figures/samples.ts';
import { UNARY_BODY } from '../mock/bytes.ts';
import { writeWait } from '../mock/script.ts';
import { openConnection } from './connection.ts';
import type { Connection } from './connection.ts';
import { chatRequest, getRequest } from './request.ts';
import type { Target } from './request.ts';
import { openWindow } from './window.ts';
import type { Watched, WindowReading } from './window.ts';

/** Many connections, each asking again as soon as it is answered. */
export interface RequestJob {
  readonly kind: 'requests';
  readonly target: Target;
  readonly method: 'GET' | 'POST';
  /** Pads the body of a POST to this length. */
  readonly bodyBytes?: number;
  /** How long the mock takes for the answer; left out: no time. */
  readonly answerMs?: number;
  readonly connections: number;
  readonly expectStatus: number;
  /** Asked before the window opens, so that it sees a steady state. */
  readonly settleMs: number;
  readonly windowMs: number;
  readonly watched: Watched;
}

/** What the window saw. */
export interface RequestResult {
  readonly kind: 'requests';
  readonly window: WindowReading;
  readonly requests: number;
  /** Milliseconds from the write of the request to the end of the answer. */
  readonly latencyMs: Summary;
  readonly wrongStatus: number;
  readonly lostConnections: number;
  /** Connections that the server closed after an answer that said so, up to the end of the window. */
  readonly reopened: number;
  /** Sampled 200 answers of a POST, and those of them that were byte for byte what the mock sent. */
  readonly sampled: number;
  readonly identical: number;
}

const SAMPLE_EVERY = 64;

/** Runs the job. @throws Error when a connection cannot be opened. */
export async function runRequests(job: RequestJob): Promise<RequestResult> {
  const request =
    job.method === 'GET' ? getRequest(job.target) : chatRequest(job.target, job.answerMs === undefined ? undefined : writeWait(job.answerMs), job.bodyBytes);
  const latency = new Samples();
  const counts = { requests: 0, wrongStatus: 0, lostConnections: 0, sampled: 0, identical: 0 };
  const connections: Connection[] = [];
  let running = true;

  const openOne = async (): Promise<void> => {
    let status = 0;
    let sentAt = 0;
    let sampling = false;
    let body = '';
    const ask = (): void => {
      sentAt = performance.now();
      own.send(request);
    };
    const own: Connection = await openConnection(
      job.target.port,
      {
        head: (answered) => {
          status = answered;
          sampling = job.method === 'POST' && counts.requests % SAMPLE_EVERY === 0;
          body = '';
        },
        body: (bytes, from, to) => {
          if (sampling) body += bytes.toString('latin1', from, to);
        },
        end: () => {
          counts.requests++;
          latency.add(performance.now() - sentAt);
          if (status !== job.expectStatus) counts.wrongStatus++;
          else if (sampling && status === 200) {
            counts.sampled++;
            if (body === UNARY_TEXT) counts.identical++;
          }
          if (running) ask();
        },
      },
      () => {
        counts.lostConnections++;
        if (running) void openOne();
      },
    );
    connections.push(own);
    ask();
  };

  await Promise.all(Array.from({ length: job.connections }, openOne));
  await wait(job.settleMs);
  const close = openWindow(job.watched);
  latency.clear();
  Object.assign(counts, { requests: 0, wrongStatus: 0, lostConnections: 0, sampled: 0, identical: 0 });
  await wait(job.windowMs);
  const seen = { ...counts };
  const window = close();
  const latencyMs = latency.summary();
  const reopened = connections.reduce((sum, connection) => sum + connection.reopened, 0);
  running = false;
  for (const connection of connections) connection.end();
  return { kind: 'requests', window, latencyMs, reopened, ...seen };
}

const UNARY_TEXT = UNARY_BODY.toString('latin1');

/** Waits for a stretch of load: its length is part of the measurement. */
export function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
