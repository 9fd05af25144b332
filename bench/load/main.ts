/** The load generator, a process of its own: the parent forks it, sends one job at a time and gets its result. */
import { runArrivals } from './arrivals.ts';
import type { ArrivalsJob, ArrivalsResult } from './arrivals.ts';
import { runEvents } from './event-load.ts';
import type { EventJob, EventResult } from './event-load.ts';
import { runFrames } from './frame-load.ts';
import type { FrameJob, FrameResult } from './frame-load.ts';
import { runFirstByte } from './first-byte.ts';
import type { FirstByteJob, FirstByteResult } from './first-byte.ts';
import { runOpenStreams } from './open-streams.ts';
import type { OpenStreamsJob, OpenStreamsResult } from './open-streams.ts';
import { runRequests } from './request-load.ts';
import type { RequestJob, RequestResult } from './request-load.ts';

/** What the generator can be asked to do. */
export type Job = RequestJob | EventJob | ArrivalsJob | FrameJob | FirstByteJob | OpenStreamsJob;
/** What it answers. */
export type JobResult = RequestResult | EventResult | ArrivalsResult | FrameResult | FirstByteResult | OpenStreamsResult;

function run(job: Job): Promise<JobResult> {
  switch (job.kind) {
    case 'requests':
      return runRequests(job);
    case 'events':
      return runEvents(job);
    case 'arrivals':
      return runArrivals(job);
    case 'frames':
      return runFrames(job);
    case 'first-byte':
      return runFirstByte(job);
    case 'open-streams':
      return runOpenStreams(job);
  }
}

process.on('message', (job: Job) => {
  run(job).then(
    (result) => process.send?.(result),
    (error: unknown) => process.send?.({ kind: 'failed', message: (error as Error).message }),
  );
});
process.on('disconnect', () => process.exit(0));
