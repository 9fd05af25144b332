import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Job, Slice } from './slice.ts';

export interface WalkersOptions {
  readonly processes: number;
  /** Worlds of each process: while one waits for its database, another walks. */
  readonly worlds: number;
  /** The server on which they make their databases. */
  readonly databaseUrl: string;
  /** What is to be walked next; null when there is nothing more. */
  readonly next: () => Job | null;
  readonly onSlice: (slice: Slice) => void;
}

/** Processes that walk at once, so that every core has something to do. */
export interface Walkers {
  /** Has them end what they do as soon as it can be judged; it is told as slices that are shorter. */
  stop(): void;
  /** Resolves when all have ended. @throws Error when one of them ended otherwise than it should */
  readonly over: Promise<void>;
}

export function startWalkers({ processes, worlds, databaseUrl, next, onSlice }: WalkersOptions): Walkers {
  const program = fileURLToPath(new URL('walker.ts', import.meta.url));
  let stopping = false;
  const children = Array.from({ length: processes }, () => fork(program, { env: { ...process.env, TEST_DATABASE_URL: databaseUrl } }));
  const stop = (): void => {
    stopping = true;
    for (const child of children) tellToStop(child);
  };
  const over = children.map(async (child) => {
    let busy = 0;
    const feed = (): void => {
      const job = stopping ? null : next();
      if (job !== null) {
        busy++;
        child.send(job);
      } else if (busy === 0) tellToStop(child);
    };
    child.on('message', (slice: Slice) => {
      busy--;
      onSlice(slice);
      feed();
    });
    for (let i = 0; i < worlds; i++) feed();
    const code = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('exit', resolve));
    if (code === 0) return;
    stop();
    throw new Error(`a process that walks ended with ${String(code)}`);
  });
  const all = Promise.allSettled(over).then((ends) => {
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  });
  return { stop, over: all };
}

/** One that is about to end by itself need not hear it. */
function tellToStop(child: ChildProcess): void {
  if (child.connected) child.send('stop', () => {});
}
