import { UpstreamFailure } from '@switchyard/contracts';
import { fakeClock } from '@switchyard/testkit';
import { expect, test } from 'vitest';
import { scriptedWorld } from '../../test/scripted-accounts.ts';
import type { ScriptedAccount, ScriptedWorld } from '../../test/scripted-accounts.ts';
import { leavePlace } from '../admission/lease.ts';
import type { Account } from '../choice/account.ts';
import type { Exchange } from '../exchange.ts';
import { HoldFrames } from './hold-frames.ts';
import type { Owner } from './owner.ts';
import { runTurn } from './socket-turn.ts';
import type { CommittedTurn, TurnRoute } from './turn-route.ts';

const SERVES = { type: 'response.output_text.delta', delta: 'x' };
const failing = (status: number, code: string): object => ({ type: 'error', status, error: { code, message: 'x' } });
const REFUSED = failing(401, 'token_expired');

/** A route over which accounts answer, turn by turn, with the frames of a script; `null` is one that cannot be reached. */
function routeOf(script: Readonly<Record<string, readonly (object | null)[]>>) {
  const asked = new Map<string, number>();
  const sockets: string[] = [];
  let open: Account | null = null;
  const route: TurnRoute = {
    speaks: () => true,
    get openTo() {
      return open;
    },
    isStale: false,
    async send(account) {
      const n = asked.get(account.name) ?? 0;
      asked.set(account.name, n + 1);
      const frame = script[account.name]![n]!;
      if (frame === null) throw new UpstreamFailure('connect');
      if (open?.id !== account.id) sockets.push(account.name);
      open = account;
      const held = new HoldFrames(() => 0);
      held.frame(Buffer.from(JSON.stringify(frame)), false);
      return held;
    },
    drop: () => (open = null),
    notSpokenBy: () => {},
  };
  return { route, sockets };
}

const hard = ({ account }: ScriptedAccount): Owner => ({ account, strength: 'hard' });

/** A turn past its intake, for the model `m`. */
const turnOf = (world: ScriptedWorld): Exchange => world.exchange();

/** The first frame that the client gets. */
const told = (turn: CommittedTurn | null): unknown => JSON.parse(turn!.opening.frames[0]!.data.toString());

test('an account that is asked again with another credential keeps the place that others wait for', async () => {
  const clock = fakeClock();
  const world = scriptedWorld(clock);
  const scripted = world.account('a', []);
  const one: ScriptedAccount = { ...scripted, account: { ...scripted.account, maxInFlight: 1 } };
  const pool = world.pool(one);
  const recovered = Promise.withResolvers<Account | null>();
  const parts = { ...world.parts, recover: () => recovered.promise };
  const [exchange, other] = [turnOf(world), turnOf(world)];
  const running = runTurn(exchange, pool, pool, hard(one), routeOf({ a: [REFUSED, SERVES] }).route, parts);
  await clock.advance(0);
  const waiting = runTurn(other, pool, pool, hard(one), routeOf({ a: [SERVES] }).route, parts);
  await clock.advance(0);
  recovered.resolve(one.account);
  expect(told(await running)).toEqual(SERVES);
  expect(exchange.decision!.attempts.map(({ chosen_by, verdict }) => [chosen_by, verdict])).toEqual([
    ['owner', 'same_account'],
    ['renewed', 'relayed'],
  ]);
  leavePlace(exchange, world.live);
  expect(told(await waiting)).toEqual(SERVES);
});

const QUOTA = failing(429, 'usage_limit_reached');
const OVERLOADED = failing(503, 'slow_down');

test.each([
  ['a 401 after a quota', [QUOTA, REFUSED], QUOTA, 0],
  ['a 401 before a quota', [REFUSED, QUOTA], QUOTA, 1],
  ['no answer after a quota', [QUOTA, null], QUOTA, 0],
  ['nothing but 401', [REFUSED, REFUSED], REFUSED, 1],
  ['the later of two refusals', [QUOTA, OVERLOADED], OVERLOADED, 1],
])('%s: the client gets the answer that tells most', async (_name, [first, second], answer, relayed) => {
  const world = scriptedWorld(fakeClock());
  const pool = world.pool(world.account('a', [], 1), world.account('b', [], 2));
  const exchange = turnOf(world);
  const { route } = routeOf({ a: [first!], b: [second!] });
  expect(told(await runTurn(exchange, pool, pool, null, route, world.parts))).toEqual(answer);
  expect(exchange.decision!.attempts.findIndex(({ verdict }) => verdict === 'relayed')).toBe(relayed);
  expect(exchange.countedAt?.name).toBe('ab'[relayed]);
});

test('a conversation whose account has another credential goes on over a new socket, not over that of the old one', async () => {
  const world = scriptedWorld(fakeClock());
  const owner = world.account('a', []);
  const pool = world.pool(owner);
  const { route, sockets } = routeOf({ a: [REFUSED, SERVES] });
  const parts = { ...world.parts, recover: async () => owner.account };
  expect(told(await runTurn(turnOf(world), pool, pool, hard(owner), route, parts))).toEqual(SERVES);
  expect(sockets).toEqual(['a', 'a']);
});

test('an owner that is overloaded is asked again over the socket that it has', async () => {
  const clock = fakeClock();
  const world = scriptedWorld(clock);
  const owner = world.account('a', []);
  const pool = world.pool(owner);
  const { route, sockets } = routeOf({ a: [OVERLOADED, SERVES] });
  const running = runTurn(turnOf(world), pool, pool, hard(owner), route, world.parts);
  await clock.advance(75);
  expect([told(await running), sockets]).toEqual([SERVES, ['a']]);
});

test('a place at an account of a stand-in pool is waited for when the pool itself has nobody', async () => {
  const world = scriptedWorld(fakeClock());
  const pool = world.standIn(world.account('a', []), world.account('b', []));
  const [exchange, other] = [turnOf(world), turnOf(world)];
  expect(told(await runTurn(exchange, pool, pool, null, routeOf({ b: [SERVES] }).route, world.parts))).toEqual(SERVES);
  const waiting = runTurn(other, pool, pool, null, routeOf({ b: [SERVES] }).route, world.parts);
  leavePlace(exchange, world.live);
  expect(told(await waiting)).toEqual(SERVES);
  expect(other.decision!.attempts.map(({ account, chosen_by }) => [account, chosen_by])).toEqual([['b', 'freed']]);
});
