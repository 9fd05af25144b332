import type { Command } from '../command.ts';
import type { Claims } from '../history.ts';
import type { Turn } from '../model.ts';
import type { Random } from '../random.ts';
import { NO_CLAIMS } from '../model.ts';
import type { Key } from '../keys.ts';
import type { World } from '../world.ts';
import { claimsOf } from './go-on.ts';
import { hasRoom, someSession, somePlan } from './start.ts';

/** Asks for a turn at a gateway at which this key may. @returns false when there is none */
function askForTurn(world: World, random: Random, key: Key, claims: Claims, isWarmUp: boolean): boolean {
  const life = random.pick(world.gateways.lives.filter((each) => world.requests.hasSocketFree(each, key)));
  if (life === undefined || !hasRoom(world)) return false;
  world.requests.send({ life, key, asked: 'turn', isStream: true, claims, isStored: random.chance(30), plan: somePlan(random), isWarmUp });
  return true;
}

/** Something new over a WebSocket; now and then its client only warms it up. */
export const turn: Command = {
  name: 'turn',
  weight: 40,
  run(world, random) {
    return askForTurn(world, random, random.pick(world.keys.all)!, { ...NO_CLAIMS, session: someSession(random) }, random.chance(15));
  },
};

/** A turn that goes on from an answer over whatever transport; now and then from two of them, or from one of another key. */
export const turnOn: Command = {
  name: 'turn_on',
  weight: 80,
  run(world, random) {
    const key = random.pick(world.keys.all)!;
    const own = world.model.turns.filter(({ keyId }) => keyId === key.id);
    const before = random.pick(random.chance(90) ? own : world.model.turns);
    if (before === undefined) return false;
    return askForTurn(world, random, key, claimsFrom(before, random.chance(85) ? before : random.pick(own), random), random.chance(10));
  },
};

/** What a turn names: mostly the response that it goes on from. @param other  From which the rest is */
function claimsFrom(before: Turn, other: Turn | undefined, random: Random): Claims {
  const claims = claimsOf(other ?? before, random);
  return random.chance(75) ? { ...claims, previousResponse: before.issued.responseId ?? claims.previousResponse } : claims;
}
