import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Upstream } from '@switchyard/contracts';
import { makeSnapshot } from './account.ts';
import type { Account } from './account.ts';
import { chooseAccount } from './choose-account.ts';
import { LiveFigures } from './live-figures.ts';

const nobody = {} as Upstream;

function account(live: LiveFigures, name: string, priority: number, models: readonly string[] = ['m']): Account {
  return {
    id: name,
    name,
    kind: 'openai',
    source: 'api',
    baseUrl: 'http://x/v1',
    models,
    createdAtMs: 0,
    priority,
    slot: live.slotOf(name),
    headers: [],
    headerNames: new Set(),
    speaksWebSocket: false,
    basePath: '/v1',
    upstream: nobody,
  };
}

const anyKey = { accounts: null };

/** Chooses n times, each choice beginning an attempt that stays open. */
function choose(accounts: readonly Account[], live: LiveFigures, n: number): string[] {
  const snapshot = makeSnapshot(1, accounts);
  return Array.from({ length: n }, () => {
    const { account: chosen } = chooseAccount(snapshot, live, { model: 'm', key: anyKey, tried: [], nowMs: 0 });
    live.begin(chosen!.slot);
    return chosen!.name;
  });
}

test('accounts of one priority take turns', () => {
  const live = new LiveFigures();
  expect(choose([account(live, 'a', 1), account(live, 'b', 1), account(live, 'c', 1)], live, 6)).toEqual(['a', 'b', 'c', 'a', 'b', 'c']);
});

test('the smaller priority goes first as long as it is not backing off', () => {
  const live = new LiveFigures();
  const [first, second] = [account(live, 'first', 1), account(live, 'second', 2)];
  expect(choose([second, first], live, 3)).toEqual(['first', 'first', 'first']);
  live.failed(first.slot, 'overload', 0, null);
  expect(choose([second, first], live, 2)).toEqual(['second', 'second']);
  live.succeeded(first.slot);
  expect(choose([second, first], live, 1)).toEqual(['first']);
});

test('when all are backing off the one that is back soonest is tried, and the choice says so', () => {
  const live = new LiveFigures();
  const accounts = [account(live, 'a', 1), account(live, 'b', 1)];
  live.failed(accounts[0]!.slot, 'quota', 0, null);
  live.failed(accounts[1]!.slot, 'overload', 0, null);
  const choice = chooseAccount(makeSnapshot(1, accounts), live, { model: 'm', key: anyKey, tried: [], nowMs: 1 });
  expect(choice).toMatchObject({ account: { name: 'b' }, leastBad: true, skipped: { backing_off: 2 } });
});

test('back-offs double up to their limit and a success forgets them', () => {
  const live = new LiveFigures();
  const slot = live.slotOf('a');
  const waits = Array.from({ length: 5 }, () => {
    live.failed(slot, 'transport', 0, null);
    return live.backoffUntil(slot);
  });
  expect(waits).toEqual([15_000, 30_000, 60_000, 120_000, 120_000]);
  live.succeeded(slot);
  live.failed(slot, 'transport', 0, null);
  expect(live.backoffUntil(slot)).toBe(15_000);
});

test('a request without a model never goes to the sandbox', () => {
  const live = new LiveFigures();
  const sandbox: Account = { ...account(live, 'sandbox', 1_000), kind: 'sandbox' };
  expect(chooseAccount(makeSnapshot(1, [sandbox]), live, { model: null, key: anyKey, tried: [], nowMs: 0 }).account).toBeNull();
});

test('a choice is one of the lawful candidates, is the same when repeated, and every candidate is counted once', () => {
  const step = fc.record({
    who: fc.nat(7),
    what: fc.constantFrom('begin', 'finish', 'fail', 'succeed'),
    reason: fc.constantFrom('transport', 'quota', 'overload'),
  });
  fc.assert(
    fc.property(
      fc.array(fc.record({ priority: fc.nat(2), serves: fc.boolean(), allowed: fc.boolean(), tried: fc.boolean() }), { minLength: 1, maxLength: 8 }),
      fc.array(step, { maxLength: 40 }),
      fc.nat(200_000),
      (shapes, steps, nowMs) => {
        const live = new LiveFigures();
        const accounts = shapes.map((shape, i) => account(live, `a${i}`, shape.priority, shape.serves ? ['m'] : ['other']));
        const open = accounts.map(() => 0);
        for (const { who, what, reason } of steps) {
          const at = who % accounts.length;
          const { slot } = accounts[at]!;
          if (what === 'begin') {
            live.begin(slot);
            open[at]!++;
          } else if (what === 'finish' && open[at]! > 0) {
            live.finish(slot);
            open[at]!--;
          } else if (what === 'fail') live.failed(slot, reason, who * 1_000, null);
          else if (what === 'succeed') live.succeeded(slot);
        }
        const snapshot = makeSnapshot(1, accounts);
        const allowed = new Set(accounts.filter((_, i) => shapes[i]!.allowed).map(({ id }) => id));
        const tried = accounts.filter((_, i) => shapes[i]!.tried);
        const query = { model: 'm', key: { accounts: allowed }, tried, nowMs };
        const choice = chooseAccount(snapshot, live, query);
        expect(chooseAccount(snapshot, live, query)).toEqual(choice);

        const serving = accounts.filter((_, i) => shapes[i]!.serves);
        const lawful = serving.filter((candidate) => allowed.has(candidate.id) && !tried.includes(candidate));
        expect(choice.candidates).toBe(serving.length);
        expect(choice.account === null).toBe(lawful.length === 0);
        if (choice.account === null) return;
        expect(lawful).toContain(choice.account);
        const free = lawful.filter((candidate) => live.backoffUntil(candidate.slot) <= nowMs);
        expect(choice.leastBad).toBe(free.length === 0);
        if (free.length > 0) {
          const best = Math.min(...free.map(({ priority }) => priority));
          expect(choice.account.priority).toBe(best);
          expect(live.inFlight(choice.account.slot)).toBe(Math.min(...free.filter(({ priority }) => priority === best).map(({ slot }) => live.inFlight(slot))));
        }
        expect((choice.skipped?.key_may_not ?? 0) + (choice.skipped?.already_tried ?? 0) + (choice.skipped?.backing_off ?? 0)).toBe(
          serving.length - free.length,
        );
      },
    ),
    { numRuns: 3_000 },
  );
});
