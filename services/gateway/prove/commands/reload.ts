import type { Command } from '../command.ts';
import { NO_CLAIMS } from '../model.ts';
import { hasRoom, somePlan } from './start.ts';

/** An account is taken away, with all that it owns, and made an account again under another name. */
export const replaceAccount: Command = {
  name: 'replace_account',
  weight: 1,
  async run(world, random) {
    if (world.isAway) return false;
    const upstream = random.pick(world.upstreams)!;
    await world.unlink(upstream);
    await world.link(upstream);
    return true;
  },
};

/** A key is revoked, used once more, and another one made. */
export const replaceKey: Command = {
  name: 'replace_key',
  weight: 1,
  async run(world, random) {
    if (world.isAway) return false;
    const key = random.pick(world.keys)!;
    const life = random.pick(world.lives)!;
    const asked = world.hasSocketFree(life, key) && random.chance(50) ? 'turn' : 'responses';
    await world.revoke(key);
    world.send({ life, key, asked, isStream: true, claims: NO_CLAIMS, isStored: true, plan: somePlan(random) });
    await world.addKey();
    return true;
  },
};

/** An account tells an id that another one has told before. */
export const steal: Command = {
  name: 'steal',
  weight: 4,
  run(world, random) {
    const turn = random.pick(world.model.turns.filter(({ issued }) => issued.responseId !== null));
    if (turn === undefined) return false;
    const stolenId = turn.issued.responseId!;
    world.model.dispute(stolenId, world.lives.length === 1);
    world.send({
      life: random.pick(world.lives)!,
      key: world.keys.find(({ id }) => id === turn.keyId)!,
      asked: 'responses',
      isStream: random.chance(70),
      claims: NO_CLAIMS,
      isStored: true,
      plan: { ...somePlan(random), stolenId },
    });
    return true;
  },
};

/** Somebody goes on from what two accounts have told. */
export const claimStolen: Command = {
  name: 'claim_stolen',
  weight: 4,
  run(world, random) {
    const turn = random.pick(world.model.turns.filter(({ issued }) => issued.responseId !== null && world.model.isDisputed(issued.responseId)));
    if (turn === undefined || !hasRoom(world)) return false;
    world.send({
      life: random.pick(world.lives)!,
      key: world.keys.find(({ id }) => id === turn.keyId)!,
      asked: 'responses',
      isStream: random.chance(70),
      claims: { ...NO_CLAIMS, previousResponse: turn.issued.responseId },
      isStored: true,
      plan: somePlan(random),
    });
    return true;
  },
};
