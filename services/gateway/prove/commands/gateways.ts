import type { Command } from '../command.ts';
import { ALL_PARTS } from '../plan.ts';

/** A gateway stops as it should, and is opened anew. */
export const restart: Command = {
  name: 'restart',
  weight: 1,
  async run(world, random) {
    const life = random.pick(world.lives)!;
    await world.endLife(life, 'close');
    await world.addLife();
    return true;
  },
};

/** A gateway dies, and is opened anew. */
export const crash: Command = {
  name: 'crash',
  weight: 1,
  async run(world, random) {
    const life = random.pick(world.lives)!;
    await world.endLife(life, 'crash');
    await world.addLife();
    return true;
  },
};

/** A gateway dies in the moment in which a client has seen the end of an answer. */
export const crashAtEnd: Command = {
  name: 'crash_at_end',
  weight: 1,
  async run(world, random) {
    const trace = random.pick(world.running.filter(({ asked, isPaused }) => asked === 'responses' && !isPaused));
    if (trace === undefined) return false;
    world.release(trace.no, ALL_PARTS);
    await world.until(
      () => trace.end !== null,
      () => `no end before a crash: request ${trace.no}`,
    );
    const life = world.lives.find(({ no }) => no === trace.life)!;
    if (trace.end === 'whole') world.coverage.count('crash_after_whole');
    await world.endLife(life, 'crash');
    await world.addLife();
    return true;
  },
};
