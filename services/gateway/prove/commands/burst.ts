import type { Command } from '../command.ts';
import { NO_CLAIMS } from '../model.ts';
import { somePlan } from './start.ts';

const MANY = 30;

/** Many requests at once while most accounts fail, so that most of them have to be sent elsewhere. */
export const burst: Command = {
  name: 'burst',
  weight: 3,
  async run(world, random) {
    if (world.requests.running.length > 0) return false;
    for (const upstream of world.upstreams.slice(0, 2)) {
      upstream.mode = random.chance(70) ? 'server_error' : 'ok';
      if (upstream.mode !== 'ok') world.trouble(upstream.number);
    }
    // What answers is held before its head, so that every retry there is shows at once.
    for (let i = 0; i < MANY; i++)
      world.requests.send({
        life: random.pick(world.gateways.lives)!,
        key: random.pick(world.keys.all)!,
        asked: 'chat',
        isStream: false,
        claims: NO_CLAIMS,
        isStored: false,
        plan: { ...somePlan(random), allowed: 0, padding: 0, holdsRefusals: false, cuts: [], failures: [] },
      });
    await world.rest();
    return true;
  },
};
