import type { Command } from '../command.ts';
import type { Plan } from '../plan.ts';
import { ALL_PARTS } from '../plan.ts';
import type { Random } from '../random.ts';
import { NO_CLAIMS } from '../model.ts';
import type { World } from '../world.ts';

const FAILURES = ['server_is_overloaded', 'slow_down', 'server_error', 'rate_limit_exceeded', 'insufficient_quota'];
/** Of so many answers one is large. */
const ONE_IN = 100;
/** With three deltas of this length there is more than the system keeps of a connection whose other end does not read. */
const PADDING = 1_572_864;
/** Requests in progress at most, but for bursts. */
const MAX_RUNNING = 6;
const SESSIONS = ['main', 'side', 'other'];

/** What the upstreams do with a request: how far it goes by itself, what it says, and where it breaks off. */
export function somePlan(random: Random): Plan {
  const breaks = random.chance(12);
  const isLarge = random.below(ONE_IN) === 0;
  return {
    // A large answer comes as fast as its client takes it.
    allowed: isLarge || random.chance(45) ? ALL_PARTS : random.below(6),
    holdsRefusals: random.chance(40),
    deltas: isLarge ? 4 : 1 + random.below(4),
    padding: isLarge ? PADDING : 0,
    says: { turnState: random.chance(30), calls: random.chance(30) ? 1 + random.below(2) : 0, encrypted: random.chance(30) },
    cuts: breaks ? Array.from({ length: 1 + random.below(3) }, () => ({ at: random.below(7), how: random.chance(50) ? 'cut' : 'reset' })) : [],
    failures: random.chance(8) ? Array.from({ length: 1 + random.below(4) }, () => random.pick(FAILURES)!) : [],
    stolenId: null,
  };
}

/** The name of a thread, or none. Few names, so that keys share them. */
export function someSession(random: Random): string | null {
  return random.chance(55) ? random.pick(SESSIONS)! : null;
}

export function hasRoom(world: World): boolean {
  return world.requests.running.length < MAX_RUNNING && world.gateways.lives.length > 0;
}

/** Something new on any surface over HTTP. */
export const start: Command = {
  name: 'start',
  weight: 72,
  run(world, random) {
    if (!hasRoom(world)) return false;
    const asked = random.chance(25) ? 'chat' : 'responses';
    world.requests.send({
      life: random.pick(world.gateways.lives)!,
      key: random.pick(world.keys.all)!,
      asked,
      isStream: random.chance(70),
      claims: asked === 'chat' ? NO_CLAIMS : { ...NO_CLAIMS, session: someSession(random) },
      isStored: random.chance(70),
      plan: somePlan(random),
    });
    return true;
  },
};
