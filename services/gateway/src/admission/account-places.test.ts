import { fakeClock } from '@switchyard/testkit';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { exchangeOf } from '../../test/waiting-exchange.ts';
import { placeFor } from '../attempt/place-for.ts';
import { makeSnapshot } from '../choice/account.ts';
import type { Account } from '../choice/account.ts';
import { WALL_MS, account, adopted, figuresAt } from '../choice/fixtures/accounts.ts';
import { LANE_AT } from '../choice/lanes.ts';
import { poolOf } from '../choice/pool.ts';
import { AccountPlaces } from './account-places.ts';
import { Pressure } from './pressure.ts';
import { WaitingRoom } from './waiting-room.ts';

const LANE = LANE_AT.responses;

/** Accounts with so many places each, all of them taken. */
function open(places: readonly number[], { queue = 10, makesRoom = false } = {}) {
  const clock = fakeClock();
  const { live } = figuresAt();
  const accounts = places.map((maxInFlight, i) => account(live, 'abcdef'[i]!, { maxInFlight }));
  adopted(live, accounts);
  for (const { slot, maxInFlight } of accounts) for (let i = 0; i < maxInFlight; i++) live.begin(slot, LANE);
  const room = new WaitingRoom({
    max: queue,
    waitMs: 750,
    pressedWaitMs: 200,
    pressure: new Pressure(clock.now),
    nowMs: clock.now,
    after: clock.after,
    onEnd: () => {},
  });
  const shed: string[] = [];
  const asked = new AccountPlaces({ live, room, gate: { makeRoom: () => makesRoom }, onShed: (_exchange, why) => shed.push(why) });
  /** One more that waits for any of these. */
  const wait = (...wanted: Account[]) => waitAs(false, ...wanted);
  const waitAs = (isOwned: boolean, ...wanted: Account[]) => {
    const exchange = exchangeOf('responses');
    const met: { exchange: typeof exchange; given: Account | null | undefined } = { exchange, given: undefined };
    const pool = poolOf(makeSnapshot(1, wanted));
    void placeFor(exchange, isOwned ? wanted[0]! : null, null, pool, [], { live, places: asked }).then((given) => (met.given = given));
    return met;
  };
  return { clock, live, accounts, room, shed, asked, wait, waitAs };
}

test('a place that comes free is counted for who waited longest for that account, before anybody else can see it', async () => {
  const { clock, live, accounts, wait } = open([1, 1]);
  const [a, b] = accounts as [Account, Account];
  const [forB, forAny, late] = [wait(b), wait(a, b), wait(a)];
  live.finish(a.slot);
  expect([live.inFlight(a.slot), live.standing(a.slot, LANE)]).toEqual([1, 'hard_full']);
  await clock.advance(0);
  expect([forB.given, forAny.given?.name, late.given]).toEqual([undefined, 'a', undefined]);
  live.finish(a.slot);
  live.finish(b.slot);
  await clock.advance(0);
  expect([forB.given?.name, late.given?.name]).toEqual(['b', 'a']);
});

test('who waits in vain gets none, and is counted', async () => {
  const { clock, accounts, asked, shed, wait } = open([1]);
  const met = wait(accounts[0]!);
  await clock.advance(775);
  expect([met.given, shed, asked.waiting, clock.pending]).toEqual([null, ['account_full'], 0, 0]);
});

test('a place is not handed to a client that has left', async () => {
  const { clock, live, accounts, wait, shed } = open([1]);
  const [a] = accounts as [Account];
  const [gone, next] = [wait(a), wait(a)];
  gone.exchange.call!.abort();
  live.finish(a.slot);
  await clock.advance(0);
  expect([gone.given, next.given?.name, live.inFlight(a.slot), shed]).toEqual([null, 'a', 1, []]);
});

test('an account that ran out of quota meanwhile is handed to nobody', async () => {
  const { clock, live, accounts, wait } = open([1]);
  const [a] = accounts as [Account];
  const met = wait(a);
  live.block(a.slot, 60_000, false);
  live.finish(a.slot);
  await clock.advance(775);
  expect([met.given, live.inFlight(a.slot)]).toEqual([null, 0]);
});

test('a conversation gets the free place of its owner also when that has nothing left for others, but not more than there are', async () => {
  const { clock, live, accounts, wait, waitAs } = open([1]);
  const [a] = accounts as [Account];
  const [free, owned, next] = [wait(a), waitAs(true, a), waitAs(true, a)];
  const short = { usedPercent: 100, windowS: 18_000, resetAtS: WALL_MS / 1_000 + 9_000 };
  live.observe(a.slot, { source: 'header', atMs: WALL_MS, short, weekly: null, planType: null });
  expect(live.standing(a.slot, LANE)).toBe('exhausted');
  live.finish(a.slot);
  await clock.advance(0);
  expect([free.given, owned.given?.name, next.given, live.inFlight(a.slot)]).toEqual([undefined, 'a', undefined, 1]);
});

test('with nowhere left to wait somebody who gives way sooner goes, or else nobody waits', async () => {
  const full = open([1], { queue: 0 });
  const met = full.wait(full.accounts[0]!);
  await full.clock.advance(0);
  expect([met.given, full.shed]).toEqual([null, ['queue_full']]);
  const made = open([1], { queue: 0, makesRoom: true });
  made.wait(made.accounts[0]!);
  expect(made.asked.waiting).toBe(1);
});

test('no account ever has more than it may, and in the end all is back', async () => {
  const step = fc.oneof(
    fc.record({ does: fc.constant('wait' as const), wanted: fc.uniqueArray(fc.nat(2), { minLength: 1 }) }),
    fc.record({ does: fc.constant('finish' as const), who: fc.nat() }),
    fc.record({ does: fc.constant('leave' as const), who: fc.nat() }),
    fc.record({ does: fc.constant('pass' as const), ms: fc.constantFrom(25, 300, 800) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const { clock, live, accounts, room, wait } = open([1, 2, 3], { queue: 6 });
      const holding = accounts.flatMap((each) => Array.from({ length: each.maxInFlight }, () => each));
      let waiting: ReturnType<typeof wait>[] = [];
      const settle = (): void => {
        for (const { given } of waiting) if (given !== undefined && given !== null) holding.push(given);
        waiting = waiting.filter(({ given }) => given === undefined);
      };
      for (const now of steps) {
        if (now.does === 'wait') waiting.push(wait(...now.wanted.map((i) => accounts[i]!)));
        else if (now.does === 'finish' && holding.length > 0) live.finish(holding.splice(now.who % holding.length, 1)[0]!.slot);
        else if (now.does === 'leave' && waiting.length > 0) waiting[now.who % waiting.length]!.exchange.call?.abort();
        else if (now.does === 'pass') await clock.advance(now.ms);
        await clock.advance(0);
        settle();
        expect(live.totalInFlight).toBe(holding.length);
        for (const { slot, maxInFlight } of accounts) expect(live.inFlight(slot)).toBeLessThanOrEqual(maxInFlight);
        expect(room.count).toBe(waiting.length);
      }
      await clock.advance(1_000);
      settle();
      for (const { slot } of holding) live.finish(slot);
      expect([live.totalInFlight, room.count, clock.pending]).toEqual([0, 0, 0]);
    }),
    { numRuns: 100 },
  );
});
