import { WebSocket } from 'ws';
import { deltaFrame, deltaNumber } from '../mock/frames.ts';
import { writeScript } from '../mock/script.ts';
import { openCredit } from './credit.ts';
import type { Target } from './request.ts';
import { wait } from './request-load.ts';
import { openWindow } from './window.ts';
import type { Watched, WindowReading } from './window.ts';

/**
 * Turns over WebSocket that bring as many frames as the subject can take: the mock sends the next delta of a socket when the one before has
 * arrived here, so that each frame crosses the subject alone.
 */
export interface FrameJob {
  readonly kind: 'frames';
  readonly target: Target;
  readonly creditPort: number;
  readonly sockets: number;
  /** Deltas of one turn; then the socket asks for the next turn. */
  readonly frames: number;
  readonly frameBytes: number;
  readonly settleMs: number;
  readonly windowMs: number;
  readonly watched: Watched;
}

/** What the window saw. */
export interface FrameResult {
  readonly kind: 'frames';
  readonly window: WindowReading;
  /** Deltas. */
  readonly frames: number;
  readonly turnsEnded: number;
  /** Deltas that were not the next one of their turn, turns that ended too early, and errors told in a frame. */
  readonly outOfOrder: number;
  readonly lostConnections: number;
  readonly sampled: number;
  readonly identical: number;
}

const SAMPLE_EVERY = 64;
const CREATED = '{"type":"response.created"';
const COMPLETED = '{"type":"response.completed"';

/** Runs the job. @throws Error when a socket cannot be opened. */
export async function runFrames(job: FrameJob): Promise<FrameResult> {
  const credit = await openCredit(job.creditPort);
  const expected = Array.from({ length: job.frames }, (_, number) => deltaFrame(number, job.frameBytes));
  const counts = { frames: 0, turnsEnded: 0, outOfOrder: 0, lostConnections: 0, sampled: 0, identical: 0 };
  let running = true;

  const openOne = async (id: number): Promise<WebSocket> => {
    const script = { mode: 'credit', events: job.frames, eventBytes: job.frameBytes, paceMs: 0, id } as const;
    const ask = JSON.stringify({ type: 'response.create', user: writeScript(script), model: 'bench', store: false, input: 'Count.' });
    const ws = new WebSocket(`ws://127.0.0.1:${job.target.port}${job.target.path}`, { headers: job.target.headers, perMessageDeflate: false });
    let next = 0;
    ws.on('message', (data: Buffer) => {
      const number = deltaNumber(data);
      if (number === next) {
        if (counts.frames % SAMPLE_EVERY === 0) {
          counts.sampled++;
          if (data.equals(expected[next] as Buffer)) counts.identical++;
        }
        next++;
        counts.frames++;
        credit.grant(id);
        return;
      }
      const start = data.toString('latin1', 0, COMPLETED.length);
      if (start.startsWith(CREATED)) return;
      if (start !== COMPLETED || next !== job.frames) counts.outOfOrder++;
      else counts.turnsEnded++;
      next = 0;
      if (running) ws.send(ask);
    });
    await new Promise<void>((resolve, reject) => {
      ws.once('error', reject);
      ws.once('open', resolve);
    });
    ws.on('error', () => {}); // its close is counted
    ws.on('close', () => {
      if (running) counts.lostConnections++;
    });
    ws.send(ask);
    return ws;
  };

  const sockets = await Promise.all(Array.from({ length: job.sockets }, (_, id) => openOne(id)));
  await wait(job.settleMs);
  const close = openWindow(job.watched);
  Object.assign(counts, { frames: 0, turnsEnded: 0, outOfOrder: 0, sampled: 0, identical: 0 });
  await wait(job.windowMs);
  const seen = { ...counts };
  const window = close();
  running = false;
  for (const ws of sockets) ws.terminate();
  credit.end();
  return { kind: 'frames', window, ...seen };
}
