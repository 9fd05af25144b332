import type { Command } from '../command.ts';
import { FAILING_MODES } from '../upstream.ts';

/** An account begins to fail in one way or another, or serves again. */
export const changeMode: Command = {
  name: 'change_mode',
  weight: 16,
  run(world, random) {
    const upstream = random.pick(world.upstreams)!;
    upstream.mode = random.chance(50) ? 'ok' : random.pick(FAILING_MODES)!;
    if (upstream.mode !== 'ok') world.trouble(upstream.number);
    world.coverage.count(`mode:${upstream.mode}`);
    return true;
  },
};

/** An account's address refuses connections. */
export const die: Command = {
  name: 'die',
  weight: 4,
  async run(world, random) {
    const upstream = random.pick(world.upstreams.filter(({ isAlive }) => isAlive));
    if (upstream === undefined) return false;
    world.trouble(upstream.number);
    await upstream.die();
    return true;
  },
};

/** It takes them again. */
export const revive: Command = {
  name: 'revive',
  weight: 8,
  async run(world, random) {
    const upstream = random.pick(world.upstreams.filter(({ isAlive }) => !isAlive));
    if (upstream === undefined) return false;
    await world.revive(upstream);
    return true;
  },
};

/** An account does not know one of its own ids for a while. */
export const deny: Command = {
  name: 'deny',
  weight: 8,
  run(world, random) {
    const turn = random.pick(world.model.turns.filter(({ issued }) => issued.responseId !== null));
    if (turn === undefined) return false;
    world.upstreams[turn.issuer]!.deny(turn.issued.responseId!, 1 + random.below(3));
    return true;
  },
};
