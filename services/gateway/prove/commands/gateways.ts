import type { Command } from '../command.ts';
import { ALL_PARTS } from '../plan.ts';

/** A gateway stops as it should, and is opened anew. */
export const restart: Command = {
  name: 'restart',
  weight: 1,
  async run(world, random) {
    if (world.gateways.isAway) return false;
    const life = random.pick(world.gateways.lives)!;
    await world.endLife(life, 'close');
    await world.gateways.add();
    return true;
  },
};

/** A gateway dies, and is opened anew. */
export const crash: Command = {
  name: 'crash',
  weight: 1,
  async run(world, random) {
    if (world.gateways.isAway) return false;
    const life = random.pick(world.gateways.lives)!;
    await world.endLife(life, 'crash');
    await world.gateways.add();
    return true;
  },
};

/** A gateway dies in the moment in which a client has seen the end of an answer. */
export const crashAtEnd: Command = {
  name: 'crash_at_end',
  weight: 1,
  async run(world, random) {
    const trace = random.pick(world.requests.running.filter(({ asked, isPaused }) => (asked === 'responses' || asked === 'turn') && !isPaused));
    if (trace === undefined || world.gateways.isAway) return false;
    world.requests.release(trace.no, ALL_PARTS);
    await world.until(
      () => trace.end !== null,
      () => `no end before a crash: request ${trace.no}`,
    );
    const life = world.gateways.lives.find(({ no }) => no === trace.life)!;
    if (trace.end === 'whole') world.coverage.count('crash_after_whole');
    await world.endLife(life, 'crash');
    await world.gateways.add();
    return true;
  },
};

/** A second gateway is opened on the same database. */
export const join: Command = {
  name: 'join',
  weight: 2,
  async run(world) {
    if (world.gateways.lives.length > 1 || world.gateways.isAway) return false;
    await world.gateways.add();
    return true;
  },
};

/** One of two gateways ends, in order or at once, and stays away. */
export const part: Command = {
  name: 'part',
  weight: 2,
  async run(world, random) {
    if (world.gateways.lives.length < 2 || world.gateways.isAway) return false;
    await world.endLife(random.pick(world.gateways.lives)!, random.chance(50) ? 'close' : 'crash');
    return true;
  },
};

/** The database goes away. */
export const loseDatabase: Command = {
  name: 'lose_database',
  weight: 1,
  async run(world) {
    if (world.gateways.isAway) return false;
    // What waits for the database in this moment would wait for as long as it is patient.
    await world.quiesce();
    await world.gateways.setDatabase(true);
    return true;
  },
};

/** It comes back. */
export const findDatabase: Command = {
  name: 'find_database',
  weight: 20,
  async run(world) {
    if (!world.gateways.isAway) return false;
    await world.gateways.setDatabase(false);
    return true;
  },
};
