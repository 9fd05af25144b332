import fc from 'fast-check';
import { expect, test } from 'vitest';
import { makeSnapshot } from './account.ts';
import type { Account, Snapshot } from './account.ts';
import { mayBeChosen, rank, readFigures, recordFigures } from './candidate-figures.ts';
import { candidatesOf, chooseAccount } from './choose-account.ts';
import type { Query } from './choose-account.ts';
import { WALL_MS, account, adopted, figuresAt } from './fixtures/accounts.ts';
import { LANE_AT } from './lanes.ts';
import type { LiveFigures } from './live-figures.ts';
import { STRATEGY_NAMES } from './strategies.ts';

const LANE = LANE_AT.responses;
const anyone: Query = { model: 'm', lane: LANE, key: { accounts: null }, tried: [] };

/** Chooses n times, each choice beginning an attempt that stays open. */
function choose(snapshot: Snapshot, live: LiveFigures, n: number): string[] {
  return Array.from({ length: n }, () => {
    const { account: chosen } = chooseAccount(snapshot, live, anyone);
    live.begin(chosen!.slot, LANE);
    return chosen!.name;
  });
}

/** Tells an account's quota. */
function tell(live: LiveFigures, { slot }: Account, usedShort: number, usedWeekly = 0, resetInS = 3_600): void {
  const at = WALL_MS + 1_000;
  const window = (usedPercent: number, windowS: number) => ({ usedPercent, windowS, resetAtS: at / 1_000 + resetInS });
  live.observe(slot, { source: 'header', atMs: at, short: window(usedShort, 18_000), weekly: window(usedWeekly, 604_800), planType: null });
}

test('accounts of one priority take turns', () => {
  const { live } = figuresAt();
  const snapshot = adopted(live, [account(live, 'a'), account(live, 'b'), account(live, 'c')]);
  expect(choose(snapshot, live, 6)).toEqual(['a', 'b', 'c', 'a', 'b', 'c']);
});

test('the smaller priority goes first as long as it is not left alone', () => {
  const { live } = figuresAt();
  const [first, second] = [account(live, 'first', { priority: 1 }), account(live, 'second', { priority: 2 })];
  const snapshot = adopted(live, [second, first]);
  expect(choose(snapshot, live, 3)).toEqual(['first', 'first', 'first']);
  live.failed(first.slot, LANE, 'overload', 'overload', null);
  expect(choose(snapshot, live, 2)).toEqual(['second', 'second']);
  live.succeeded(first.slot, LANE, null);
  expect(choose(snapshot, live, 1)).toEqual(['first']);
});

test('a failure on one lane leaves the others as they are', () => {
  const { live } = figuresAt();
  const a = account(live, 'a', { priority: 1 });
  const snapshot = adopted(live, [a, account(live, 'b', { priority: 2 })]);
  live.failed(a.slot, LANE_AT.standard, 'transport', 'server_error', null);
  expect(chooseAccount(snapshot, live, anyone).account?.name).toBe('a');
  expect(chooseAccount(snapshot, live, { ...anyone, lane: LANE_AT.standard })).toMatchObject({ account: { name: 'b' }, skipped: { backing_off: 1 } });
});

test('when all are left alone the one that is back soonest is tried, and the choice says so', () => {
  const { live } = figuresAt();
  const [a, b] = [account(live, 'a'), account(live, 'b')];
  const snapshot = adopted(live, [a, b]);
  live.failed(a.slot, LANE, 'transport', 'transport', null);
  live.failed(b.slot, LANE, 'overload', 'overload', null);
  expect(chooseAccount(snapshot, live, anyone)).toMatchObject({ account: { name: 'b' }, leastBad: true, skipped: { backing_off: 1 } });
});

test('five failures in a row eject an account, and the last one is asked all the same', () => {
  const { live } = figuresAt();
  const [a, b] = [account(live, 'a', { priority: 1 }), account(live, 'b', { priority: 2 })];
  const both = adopted(live, [a, b]);
  for (let i = 0; i < 5; i++) live.failed(a.slot, LANE, 'connect', 'transport', null);
  expect(chooseAccount(both, live, anyone).account?.name).toBe('b');
  const alone = adopted(live, [a]);
  expect(chooseAccount(alone, live, anyone)).toMatchObject({ account: { name: 'a' }, leastBad: true });
});

test('a quota that refused, or is used up, is never asked; nor is it when nobody else is left', () => {
  const { live } = figuresAt();
  const [a, b] = [account(live, 'a'), account(live, 'b')];
  const snapshot = adopted(live, [a, b]);
  live.block(a.slot, null, false);
  tell(live, b, 100);
  expect(chooseAccount(snapshot, live, anyone)).toEqual({ account: null, candidates: 2, skipped: { quota_blocked: 1, exhausted: 1 }, leastBad: false });
});

test('a success does not lift the block of a quota, and its time does', () => {
  const { live, pass } = figuresAt();
  const a = account(live, 'a');
  const snapshot = adopted(live, [a]);
  live.block(a.slot, 20_000, false);
  live.succeeded(a.slot, LANE, 5);
  expect(chooseAccount(snapshot, live, anyone).account).toBeNull();
  pass(19_999);
  expect(chooseAccount(snapshot, live, anyone).account).toBeNull();
  pass(1);
  expect(chooseAccount(snapshot, live, anyone).account?.name).toBe('a');
});

test('the fuller quota goes first: ready, thin, unknown, critical, and never exhausted', () => {
  const { live } = figuresAt();
  const accounts = ['critical', 'exhausted', 'ready', 'thin', 'unknown'].map((name) => account(live, name));
  const snapshot = adopted(live, accounts);
  const [critical, exhausted, ready, thin, unknown] = accounts;
  tell(live, critical!, 96);
  tell(live, exhausted!, 0, 100);
  tell(live, ready!, 50);
  tell(live, thin!, 91);
  live.observe(unknown!.slot, { source: 'event', atMs: WALL_MS, short: null, weekly: null, planType: null });
  const order: (string | undefined)[] = [];
  const tried: Account[] = [];
  for (let i = 0; i < 5; i++) {
    const { account: chosen } = chooseAccount(snapshot, live, { ...anyone, tried });
    order.push(chosen?.name);
    if (chosen !== null) tried.push(chosen);
  }
  expect(order).toEqual(['ready', 'thin', 'unknown', 'critical', undefined]);
});

test('with the same band the higher pressure goes later, and old readings after live ones', () => {
  const { live, pass, wallClockMs } = figuresAt();
  const [pressed, free] = [account(live, 'a-pressed'), account(live, 'b-free')];
  const snapshot = adopted(live, [pressed, free]);
  tell(live, pressed, 60, 0, 18_000);
  tell(live, free, 10, 0, 1_800);
  expect(chooseAccount(snapshot, live, anyone).account?.name).toBe('b-free');
  pass(1_800_001);
  tell(live, pressed, 60, 0, 1);
  live.observe(free.slot, { source: 'event', atMs: wallClockMs(), short: { usedPercent: 1, windowS: 18_000, resetAtS: 0 }, weekly: null, planType: null });
  live.begin(free.slot, LANE);
  expect(recordFigures(snapshot, live, anyone)!.map(readFigures)).toMatchObject([
    { account: 'b-free', bucket: 0, remembered: 0, in_flight: 1 },
    { account: 'a-pressed', bucket: 0, remembered: 1, in_flight: 0 },
  ]);
});

test('a reserve is kept from what is new', () => {
  const { live } = figuresAt();
  const a = account(live, 'a', { reservePercent: 10 });
  const snapshot = adopted(live, [a]);
  tell(live, a, 89);
  expect(chooseAccount(snapshot, live, anyone).account?.name).toBe('a');
  tell(live, a, 90);
  expect(chooseAccount(snapshot, live, anyone)).toMatchObject({ account: null, skipped: { reserve: 1 } });
});

test('from the soft limit on others go first, and the hard limit is never passed', () => {
  const { live } = figuresAt();
  const limits = { softInFlight: 1, maxInFlight: 2 };
  const [a, b] = [account(live, 'a', { priority: 1, ...limits }), account(live, 'b', { priority: 2, ...limits })];
  const snapshot = adopted(live, [a, b]);
  expect(choose(snapshot, live, 4)).toEqual(['a', 'b', 'a', 'b']);
  expect(chooseAccount(snapshot, live, anyone)).toEqual({ account: null, candidates: 2, skipped: { hard_full: 2 }, leastBad: false });
  live.finish(b.slot);
  expect(chooseAccount(snapshot, live, anyone)).toMatchObject({ account: { name: 'b' }, skipped: { hard_full: 1 } });
});

test('back-offs double up to their limit and a success forgets them', () => {
  const { live } = figuresAt(0);
  const { slot } = account(live, 'a');
  const waits = Array.from({ length: 5 }, () => {
    live.failed(slot, LANE, 'forbidden', 'auth', null);
    return live.backInMs(slot, LANE_AT.compact);
  });
  expect(waits).toEqual([20_000, 40_000, 80_000, 160_000, 320_000]);
  live.succeeded(slot, LANE, null);
  live.failed(slot, LANE, 'forbidden', 'auth', null);
  expect(live.backInMs(slot, LANE_AT.compact)).toBe(20_000);
});

// First wait, wait after many failures in a row; a wait that the upstream named comes before both.
test.each([
  ['transport', 15_000, 120_000],
  ['server_error', 20_000, 20_000],
  ['overload', 3_000, 3_000],
  ['auth', 20_000, 600_000],
  ['forbidden', 20_000, 600_000],
] as const)('%s backs off for %i ms, at most %i', (reason, first, most) => {
  const { live } = figuresAt(0);
  const { slot } = account(live, 'a');
  // Of overload alone the circuit stays closed for the first time, so that what is seen is the back-off.
  live.failed(slot, LANE, 'overload', reason, null);
  expect(live.backInMs(slot, LANE)).toBe(first);
  const { live: often } = figuresAt(0);
  for (let i = 0; i < 12; i++) often.failed(often.slotOf('a'), LANE_AT.compact, 'overload', reason, null);
  const other = often.backInMs(often.slotOf('a'), reason === 'auth' || reason === 'forbidden' ? LANE_AT.responses : LANE_AT.compact);
  expect(other).toBe(reason === 'auth' || reason === 'forbidden' ? most : Math.max(most, 160_000));
  live.failed(slot, LANE, 'overload', reason, 700_000);
  expect(live.backInMs(slot, LANE)).toBe(700_000);
});

test('a request without a model never goes to the sandbox', () => {
  const { live } = figuresAt();
  const snapshot = adopted(live, [account(live, 'sandbox', { kind: 'sandbox' })]);
  expect(chooseAccount(snapshot, live, { ...anyone, model: null }).account).toBeNull();
});

const step = fc.record({
  who: fc.nat(99),
  what: fc.constantFrom('begin', 'finish', 'fail', 'succeed', 'block', 'tell', 'pass'),
  lane: fc.nat(3),
  event: fc.constantFrom('connect', 'overload', 'auth'),
  n: fc.nat(100),
});
const shape = fc.record({
  priority: fc.constantFrom(1, 1, 2),
  models: fc.constantFrom(['m'], ['m'], ['m', 'n'], ['n']),
  softInFlight: fc.constantFrom(Infinity, 1, 2),
  maxInFlight: fc.constantFrom(Infinity, 2, 3),
  reservePercent: fc.constantFrom(0, 0, 20),
  kind: fc.constantFrom('openai', 'openai', 'sandbox'),
});

/**
 * The oracle: all candidates, filtered and sorted by their figures in the written order. Small snapshots are walked through, large ones
 * have heaps, which churn while steps change their figures.
 */
test.each([
  ['walked through', 1, 12],
  ['in heaps', 40, 60],
] as const)('a choice is what sorting all candidates by the written order gives, is the same when repeated, and counts each once: %s', (_name, least, most) => {
  fc.assert(
    fc.property(
      fc.constantFrom(...STRATEGY_NAMES),
      fc.array(shape, { minLength: least, maxLength: most }),
      fc.array(step, { maxLength: 60 }),
      fc.record({
        model: fc.constantFrom('m', 'n', 'none', null),
        lane: fc.nat(3),
        allowed: fc.option(fc.array(fc.nat(59))),
        tried: fc.array(fc.nat(59), { maxLength: 5 }),
        isOfSome: fc.boolean(),
      }),
      (strategy, shapes, steps, asked) => {
        const { live, pass, wallClockMs } = figuresAt(1_000, strategy);
        const accounts = shapes.map((each, i) =>
          account(live, `a${i}`, { ...each, softInFlight: Math.min(each.softInFlight, each.maxInFlight) } as Partial<Account>),
        );
        const snapshot = adopted(live, accounts);
        // Asked of all, or of those that speak something that not all of them do; others may have been tried in another pool.
        const asking = asked.isOfSome
          ? makeSnapshot(
              snapshot.version,
              accounts.filter((_, i) => i % 9 !== 4),
            )
          : snapshot;
        const candidates = candidatesOf(asking, asked.model);
        const tried = [...new Set(asked.tried)].map((i) => candidatesOf(snapshot, asked.model)[i]!).filter((each) => each !== undefined);
        const query: Query = {
          model: asked.model,
          lane: asked.lane,
          key: { accounts: asked.allowed === null ? null : new Set(asked.allowed.map((i) => `a${i}`)) },
          tried,
        };
        const check = (): void => {
          const choice = chooseAccount(asking, live, query);
          expect(chooseAccount(asking, live, query)).toEqual(choice);
          const seen = candidates.map((each, listed) => ({ ...readFigures(recordFigures(soloSnapshot(each), live, query)![0]!), listed }));
          const [first] = rank(seen, strategy);
          expect(choice.account?.name).toBe(first !== undefined && mayBeChosen(first) ? first.account : undefined);
          expect(choice.candidates).toBe(candidates.length);
          const counts: Record<string, number> = {};
          for (const { account: name, standing } of seen)
            if (standing !== 'ready' && name !== choice.account?.name) counts[standing] = (counts[standing] ?? 0) + 1;
          expect(choice.skipped ?? {}).toEqual(counts);
          // What is recorded of it, read back and ranked, gives the winner again.
          const recorded = recordFigures(asking, live, query)?.map(readFigures);
          if (recorded !== undefined && choice.account !== null) expect(rank(recorded, strategy)[0]!.account).toBe(choice.account.name);
        };
        const open = accounts.map(() => 0);
        for (const { who, what, lane, event, n } of steps) {
          const at = who % accounts.length;
          const { slot } = accounts[at]!;
          if (what === 'begin') {
            live.begin(slot, lane);
            open[at]!++;
          } else if (what === 'finish') {
            if (open[at]!-- > 0) live.finish(slot);
            else open[at] = 0;
          } else if (what === 'fail') live.failed(slot, lane, event, event === 'connect' ? 'transport' : event, null);
          else if (what === 'succeed') live.succeeded(slot, lane, n * 20);
          else if (what === 'block') live.block(slot, n * 1_000, false);
          else if (what === 'pass') pass(n * 500);
          else {
            const window = { usedPercent: n, windowS: 18_000, resetAtS: Math.floor(wallClockMs() / 1_000) + who * 60 };
            live.observe(slot, { source: 'header', atMs: wallClockMs(), short: window, weekly: null, planType: null });
          }
          if (n % 7 === 0) check();
        }
        check();
      },
    ),
    { numRuns: least === 1 ? 1_500 : 400 },
  );
});

/** A snapshot in which an account and its double are the only candidates, so that its figures are recorded. */
function soloSnapshot(one: Account): Snapshot {
  const both = [one, one];
  return {
    version: 1,
    accounts: both,
    byId: new Map([[one.id, one]]),
    bySlot: new Map([[one.slot, one]]),
    byModel: new Map(['m', 'n'].map((model) => [model, both])),
    limited: null,
    general: both,
    plain: null,
    off: [],
    order: 0,
  };
}
