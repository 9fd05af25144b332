import type { Command } from '../command.ts';
import type { Claims } from '../history.ts';
import type { Turn } from '../model.ts';
import type { Random } from '../random.ts';
import { NO_CLAIMS } from '../model.ts';
import { hasRoom, someSession, somePlan } from './start.ts';

/** Some of the ids that an answer told, at least one of them if it told any. */
export function claimsOf({ issued, session, isCompaction }: Turn, random: Random): Claims {
  const ways = [
    ...(issued.responseId === null ? [] : [{ previousResponse: issued.responseId }]),
    ...(issued.turnState === null ? [] : [{ turnState: issued.turnState }]),
    ...(issued.calls.length === 0 ? [] : [{ calls: issued.calls, session }]),
    ...(issued.encrypted === null ? [] : [{ encrypted: issued.encrypted, isFollowUp: isCompaction }]),
    ...(session === null ? [] : [{ session }]),
  ];
  let claims: Claims = NO_CLAIMS;
  const sure = random.below(Math.max(1, ways.length));
  for (const [i, way] of ways.entries()) if (i === sure || random.chance(30)) claims = { ...claims, ...way };
  return claims;
}

/** The next turn of a conversation, recognised by whatever its last answer told; now and then twice at once. */
export const goOn: Command = {
  name: 'go_on',
  weight: 120,
  run(world, random) {
    const key = random.pick(world.keys.all)!;
    const turn = random.pick(world.model.turns.filter(({ keyId }) => keyId === key.id));
    if (turn === undefined || !hasRoom(world)) return false;
    const claims = claimsOf(turn, random);
    const times = random.chance(10) ? 2 : 1;
    for (let i = 0; i < times; i++)
      world.requests.send({
        life: random.pick(world.gateways.lives)!,
        key,
        asked: 'responses',
        isStream: random.chance(70),
        claims,
        isStored: random.chance(70),
        plan: somePlan(random),
      });
    for (const [name, claim] of Object.entries(claims) as [string, string | readonly string[] | boolean | null][])
      if (claim !== null && typeof claim !== 'boolean' && claim.length > 0) world.coverage.count(`claim:${name}`);
    if (claims.isFollowUp) world.coverage.count('follow_up');
    if (times === 2) world.coverage.count('twice_at_once');
    return true;
  },
};

/** A turn that names ids of two conversations of one key. */
export const mixUp: Command = {
  name: 'mix_up',
  weight: 16,
  run(world, random) {
    const key = random.pick(world.keys.all)!;
    const turns = world.model.turns.filter(({ keyId }) => keyId === key.id);
    if (turns.length < 2 || !hasRoom(world)) return false;
    const [one, other] = [claimsOf(random.pick(turns)!, random), claimsOf(random.pick(turns)!, random)];
    const claims: Claims = {
      turnState: one.turnState ?? other.turnState,
      previousResponse: other.previousResponse ?? one.previousResponse,
      session: one.session ?? other.session ?? someSession(random),
      calls: one.calls.length > 0 ? one.calls : other.calls,
      encrypted: other.encrypted ?? one.encrypted,
      isFollowUp: other.encrypted === null ? one.isFollowUp : other.isFollowUp,
    };
    world.requests.send({
      life: random.pick(world.gateways.lives)!,
      key,
      asked: 'responses',
      isStream: random.chance(70),
      claims,
      isStored: true,
      plan: somePlan(random),
    });
    return true;
  },
};

/** A conversation is compacted. */
export const compact: Command = {
  name: 'compact',
  weight: 24,
  run(world, random) {
    const key = random.pick(world.keys.all)!;
    const own = world.model.turns.filter(({ keyId }) => keyId === key.id);
    const turn = random.pick(random.chance(80) ? own.filter((each) => each.session !== null) : own);
    if (turn === undefined || !hasRoom(world)) return false;
    const { session, issued } = turn;
    world.requests.send({
      life: random.pick(world.gateways.lives)!,
      key,
      asked: 'compact',
      isStream: false,
      claims: { ...NO_CLAIMS, session, turnState: random.chance(30) ? issued.turnState : null },
      isStored: false,
      plan: somePlan(random),
    });
    if (session !== null) world.coverage.count('compact_in_session');
    return true;
  },
};

/** A stored response is read by its path. */
export const readBack: Command = {
  name: 'read_back',
  weight: 16,
  run(world, random) {
    const turn = random.pick(world.model.turns.filter(({ issued }) => issued.responseId !== null));
    if (turn === undefined || !hasRoom(world)) return false;
    const key = world.keys.all.find(({ id }) => id === turn.keyId)!;
    const id = turn.issued.responseId!;
    const target = random.pick([
      ['GET', `/v1/responses/${id}`],
      ['POST', `/v1/responses/${id}/cancel`],
      ['GET', `/v1/responses/${id}/input_items`],
    ] as const)!;
    world.requests.send({
      life: random.pick(world.gateways.lives)!,
      key,
      asked: 'path',
      isStream: false,
      claims: { ...NO_CLAIMS, previousResponse: id },
      isStored: false,
      plan: somePlan(random),
      target,
    });
    return true;
  },
};

/** Another key comes with the ids of a conversation. */
export const ride: Command = {
  name: 'ride',
  weight: 24,
  run(world, random) {
    const turn = random.pick(world.model.turns);
    if (turn === undefined || !hasRoom(world)) return false;
    const key = random.pick(world.keys.all.filter(({ id }) => id !== turn.keyId))!;
    const id = turn.issued.responseId;
    const isPath = id !== null && random.chance(30);
    world.requests.send({
      life: random.pick(world.gateways.lives)!,
      key,
      asked: isPath ? 'path' : 'responses',
      isStream: !isPath && random.chance(70),
      claims: isPath ? { ...NO_CLAIMS, previousResponse: id } : claimsOf(turn, random),
      isStored: true,
      plan: somePlan(random),
      ...(isPath ? { target: ['GET', `/v1/responses/${id}`] as const } : {}),
    });
    return true;
  },
};
