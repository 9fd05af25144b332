import type { Command } from '../command.ts';
import { TROUBLE_MS } from '../standings.ts';
import { QUOTA_S } from '../upstream.ts';

/** Time goes by: a second, a minute, until quota is full again, or until all is forgiven. */
export const passTime: Command = {
  name: 'pass_time',
  weight: 12,
  async run(world, random) {
    await world.skip(random.pick([1_100, 61_000, QUOTA_S * 1_000 + 2_000, TROUBLE_MS + 1_000])!);
    return true;
  },
};

/** The wall clock is set back, or forth, while time goes on as before. */
export const setClock: Command = {
  name: 'set_clock',
  weight: 4,
  async run(world, random) {
    await world.setWall(random.pick([-600_000, 0, 600_000])!);
    return true;
  },
};
