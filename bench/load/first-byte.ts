import { Samples } from '../figures/samples.ts';
import type { Summary } from '../figures/samples.ts';
import { writeScript } from '../mock/script.ts';
import { openConnection } from './connection.ts';
import type { Connection } from './connection.ts';
import { chatRequest } from './request.ts';
import type { Target } from './request.ts';

/** One short stream after the other, through each target in turn, so that all meet the same moments of the machine. */
export interface FirstByteJob {
  readonly kind: 'first-byte';
  readonly targets: readonly Target[];
  /** Streams that are asked of each target and not counted. */
  readonly settle: number;
  /** Streams that are counted, of each target. */
  readonly streams: number;
  readonly events: number;
  readonly eventBytes: number;
}

/** For each target, in order: microseconds from the write of the request to the first byte of the body. */
export interface FirstByteResult {
  readonly kind: 'first-byte';
  readonly targets: readonly { readonly firstByteUs: Summary; readonly failed: number }[];
}

/** Runs the job. @throws Error when a connection cannot be opened or is lost. */
export async function runFirstByte(job: FirstByteJob): Promise<FirstByteResult> {
  const askers = await Promise.all(job.targets.map((target) => openAsker(job, target)));
  for (let i = 0; i < job.settle; i++) for (const asker of askers) await asker.ask();
  for (const asker of askers) asker.forget();
  for (let i = 0; i < job.streams; i++) for (const asker of askers) await asker.ask();
  const targets = askers.map((asker) => asker.result());
  for (const asker of askers) asker.end();
  return { kind: 'first-byte', targets };
}

interface Asker {
  ask(): Promise<void>;
  forget(): void;
  result(): { firstByteUs: Summary; failed: number };
  end(): void;
}

async function openAsker(job: FirstByteJob, target: Target): Promise<Asker> {
  const script = { mode: 'flat', events: job.events, eventBytes: job.eventBytes, paceMs: 0, id: 0 } as const;
  const request = chatRequest(target, writeScript(script));
  const firstByte = new Samples();
  let failed = 0;
  let status = 0;
  let sentAt = 0;
  let waiting = false;
  let done: { resolve(): void; reject(error: Error): void } | undefined;
  const connection: Connection = await openConnection(
    target.port,
    {
      head: (answered) => {
        status = answered;
      },
      body: () => {
        if (waiting) firstByte.add((performance.now() - sentAt) * 1000);
        waiting = false;
      },
      end: () => {
        if (status !== 200) failed++;
        done?.resolve();
      },
    },
    (error) => done?.reject(error),
  );
  return {
    ask: () =>
      new Promise((resolve, reject) => {
        done = { resolve, reject };
        waiting = true;
        sentAt = performance.now();
        connection.send(request);
      }),
    forget: () => {
      firstByte.clear();
      failed = 0;
    },
    result: () => ({ firstByteUs: firstByte.summary(), failed }),
    end: () => connection.end(),
  };
}
