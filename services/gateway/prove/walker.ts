import { openDatabases } from './databases.ts';
import { openWorld } from './open-world.ts';
import { runSlice } from './slice.ts';
import type { Job } from './slice.ts';
import type { World } from './world.ts';

// A process of its own for some worlds, each of which walks what it is told to. `walkers.ts` starts it and talks to it; its end is ours.

let stopping = false;
const stop = (): void => void (stopping = true);
// Whoever started this is told, too, and says when to stop.
process.on('SIGINT', () => {}).on('SIGTERM', () => {});

await using stack = new AsyncDisposableStack();
const databases = stack.use(await openDatabases());
const idle: World[] = [];
let running = 0;

const over = new Promise<void>((resolve, reject) => {
  const work = async (job: Job): Promise<void> => {
    running++;
    // A world in which something is wrong is left alone: what follows would say little.
    const world = idle.pop() ?? (await openWorld(databases, stack));
    const slice = await runSlice(world, job, () => stopping);
    if (slice.violations.length === 0) idle.push(world);
    running--;
    process.send?.(slice);
    if (stopping && running === 0) resolve();
  };
  process.on('message', (message: Job | 'stop') => {
    if (message !== 'stop') return void work(message).catch(reject);
    stop();
    if (running === 0) resolve();
  });
  process.once('disconnect', () => {
    stop();
    if (running === 0) resolve();
  });
});
await over;
process.disconnect?.();
