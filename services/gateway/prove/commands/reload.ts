import type { Command } from '../command.ts';
import { NO_CLAIMS } from '../model.ts';
import { hasRoom, somePlan } from './start.ts';

/** An account is taken away, with all that it owns, and made an account again under another name. */
export const replaceAccount: Command = {
  name: 'replace_account',
  weight: 1,
  async run(world, random) {
    if (world.gateways.isAway) return false;
    await world.replaceAccount(random.pick(world.upstreams)!);
    return true;
  },
};

/** A key is revoked, used once more, and another one made. */
export const replaceKey: Command = {
  name: 'replace_key',
  weight: 1,
  async run(world, random) {
    if (world.gateways.isAway) return false;
    const key = random.pick(world.keys.all)!;
    const life = random.pick(world.gateways.lives)!;
    const asked = world.requests.hasSocketFree(life, key) && random.chance(50) ? 'turn' : 'responses';
    await world.revoke(key);
    world.requests.send({ life, key, asked, isStream: true, claims: NO_CLAIMS, isStored: true, plan: somePlan(random) });
    await world.keys.add();
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
    world.model.dispute(stolenId, world.gateways.lives.length === 1);
    world.requests.send({
      life: random.pick(world.gateways.lives)!,
      key: world.keys.all.find(({ id }) => id === turn.keyId)!,
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
    world.requests.send({
      life: random.pick(world.gateways.lives)!,
      key: world.keys.all.find(({ id }) => id === turn.keyId)!,
      asked: 'responses',
      isStream: random.chance(70),
      claims: { ...NO_CLAIMS, previousResponse: turn.issued.responseId },
      isStored: true,
      plan: somePlan(random),
    });
    return true;
  },
};
