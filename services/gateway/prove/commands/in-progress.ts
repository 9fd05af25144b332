import type { Command } from '../command.ts';
import { ALL_PARTS } from '../plan.ts';

/** One stream goes some events further, or to its end. */
export const release: Command = {
  name: 'release',
  weight: 88,
  run(world, random) {
    const trace = random.pick(world.requests.running);
    if (trace === undefined) return false;
    world.requests.release(trace.no, random.chance(50) ? ALL_PARTS : 1 + random.below(3));
    return true;
  },
};

/** A client leaves: before the head, while its answer is held, in its middle, or before its last byte. */
export const leave: Command = {
  name: 'leave',
  weight: 16,
  run(world, random) {
    const trace = random.pick(world.requests.running);
    if (trace === undefined) return false;
    const last = world.requests.attemptsOf(trace.no).at(-1);
    world.coverage.count(`left:${last === undefined ? 'unasked' : last.status === null ? 'before_head' : last.committedAt === null ? 'held' : 'committed'}`);
    if (trace.asked === 'turn' && trace.receivedBytes > 0) world.coverage.count('turn:left');
    world.requests.client(trace.no).leave(random.chance(50) ? 'close' : 'cut');
    return true;
  },
};

/** A client stops reading. */
export const stopReading: Command = {
  name: 'stop_reading',
  weight: 8,
  run(world, random) {
    const trace = random.pick(world.requests.running.filter(({ isPaused }) => !isPaused));
    if (trace === undefined) return false;
    world.requests.client(trace.no).pause();
    return true;
  },
};

/** A client reads again. */
export const readOn: Command = {
  name: 'read_on',
  weight: 8,
  run(world, random) {
    const trace = random.pick(world.requests.running.filter(({ isPaused }) => isPaused));
    if (trace === undefined) return false;
    world.requests.readOn(trace.no);
    return true;
  },
};
