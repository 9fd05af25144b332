import { setTimeout as pause } from 'node:timers/promises';
import { Samples } from '../figures/samples.ts';
import type { Summary } from '../figures/samples.ts';
import { writeScript } from '../mock/script.ts';
import { openConnection } from './connection.ts';
import type { Connection } from './connection.ts';
import { chatRequest } from './request.ts';
import type { Target } from './request.ts';

/**
 * One short stream after the other, a block of them through each target in turn, so that all meet the same moments of the machine but none
 * meets what another leaves for later (a database that writes behind): asked one by one in turn, even nginx waited 3 ms for that.
 */
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

const BLOCK = 50;
/** Streams at the start of a block that are not counted: caches are cold after another's. */
const BLOCK_SETTLE = 5;
/** What a target leaves for later is done in this time. */
const BETWEEN_BLOCKS_MS = 60;

/** Runs the job. @throws Error when a connection cannot be opened or is lost. */
export async function runFirstByte(job: FirstByteJob): Promise<FirstByteResult> {
  const askers = await Promise.all(job.targets.map((target) => openAsker(job, target)));
  for (const asker of askers) await ask(asker, job.settle, false);
  for (let left = job.streams; left > 0; left -= BLOCK) {
    for (const asker of askers) {
      await ask(asker, BLOCK_SETTLE, false);
      await ask(asker, Math.min(BLOCK, left), true);
      await pause(BETWEEN_BLOCKS_MS);
    }
  }
  const targets = askers.map((asker) => asker.result());
  for (const asker of askers) asker.end();
  return { kind: 'first-byte', targets };
}

async function ask(asker: Asker, times: number, counted: boolean): Promise<void> {
  for (let i = 0; i < times; i++) await asker.ask(counted);
}

interface Asker {
  ask(counted: boolean): Promise<void>;
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
  let counts = false;
  let done: { resolve(): void; reject(error: Error): void } | undefined;
  const connection: Connection = await openConnection(
    target.port,
    {
      head: (answered) => {
        status = answered;
      },
      body: () => {
        if (waiting && counts) firstByte.add((performance.now() - sentAt) * 1000);
        waiting = false;
      },
      end: () => {
        if (counts && status !== 200) failed++;
        done?.resolve();
      },
    },
    (error) => done?.reject(error),
  );
  return {
    ask: (counted) =>
      new Promise((resolve, reject) => {
        counts = counted;
        done = { resolve, reject };
        waiting = true;
        sentAt = performance.now();
        connection.send(request);
      }),
    result: () => ({ firstByteUs: firstByte.summary(), failed }),
    end: () => connection.end(),
  };
}
