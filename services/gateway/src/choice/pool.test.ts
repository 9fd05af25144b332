import { expect, test } from 'vitest';
import type { Account } from './account.ts';
import { chooseAccount } from './choose-account.ts';
import { WALL_MS, account } from './fixtures/accounts.ts';
import { keepsCache, keepsOwner } from './keep-owner.ts';
import { LANE_AT } from './lanes.ts';
import { LiveFigures } from './live-figures.ts';
import { nobodyLeft } from './nobody-left.ts';
import { makeTable, modelFor, poolFor, poolToAsk, serves } from './pool.ts';
import type { PoolRules } from './pool.ts';

const LANE = LANE_AT.responses;
const anyone = { model: 'm', lane: LANE, key: { accounts: null }, tried: [] };
const RULES: Omit<PoolRules, 'name'> = { accounts: null, strategy: 'balance', reservePercent: 0, movesExhausted: false, fallback: [] };

function world(pools: readonly (Partial<PoolRules> & { readonly name: string })[], more: Readonly<Record<string, Partial<Account>>> = {}) {
  const rules = pools.map((each) => ({ ...RULES, ...each }));
  const live = new LiveFigures({ nowMs: () => 1_000, wallClockMs: () => WALL_MS + 1_000 }, 'balance', rules);
  const accounts = ['a', 'b', 'c'].map((name) => account(live, name, more[name]));
  const table = makeTable(1, accounts, rules, { fast: 'm', m: 'n' });
  live.adopt(
    table,
    [...table.pools.values()].map(({ members }) => members),
  );
  const tell = ({ slot }: Account, usedPercent: number): void =>
    live.observe(slot, {
      source: 'header',
      atMs: WALL_MS + 1_000,
      short: { usedPercent, windowS: 18_000, resetAtS: WALL_MS / 1_000 + 9_000 },
      weekly: null,
      planType: null,
    });
  const chosen = (name: string | null): string | undefined => {
    const asked = poolToAsk(poolFor(table, { pool: name }), live, anyone);
    return chooseAccount(asked.members, live, anyone).account?.name;
  };
  return { live, table, accounts, tell, chosen };
}

test('a pool has its own accounts and its own order, and the accounts one set of figures', () => {
  const { live, accounts, chosen, tell } = world([
    { name: 'default', strategy: 'least_used' },
    { name: 'few', accounts: ['b', 'c', 'gone'], strategy: 'drain_first' },
  ]);
  const [a, b, c] = accounts as [Account, Account, Account];
  tell(a, 10);
  tell(b, 20);
  tell(c, 60);
  expect([chosen(null), chosen('default'), chosen('few')]).toEqual(['a', 'a', 'c']);
  live.block(c.slot, null, false);
  live.block(a.slot, null, false);
  expect([chosen(null), chosen('few')]).toEqual(['b', 'b']);
});

test('a key without a pool has all accounts where none is declared, and one with a pool that is not declared has none', () => {
  const { table, chosen } = world([]);
  expect([chosen(null), chosen('default')]).toEqual(['a', 'a']);
  expect(() => poolFor(table, { pool: 'team' })).toThrow('[pools.team]');
});

test('the pools that stand in are asked in turn, and only while nobody of its own can serve', () => {
  const { live, table, accounts, chosen } = world([
    { name: 'first', accounts: ['a'], fallback: ['second', 'third'] },
    { name: 'second', accounts: ['b'] },
    { name: 'third', accounts: ['c'] },
  ]);
  const [a, b, c] = accounts as [Account, Account, Account];
  expect(chosen('first')).toBe('a');
  // Who is left alone for a while can still be asked.
  live.failed(a.slot, LANE, 'connect', 'transport', null);
  expect(chosen('first')).toBe('a');
  live.block(a.slot, 60_000, false);
  expect(chosen('first')).toBe('b');
  live.block(b.slot, 30_000, false);
  expect(chosen('first')).toBe('c');
  live.block(c.slot, 90_000, false);
  expect(chosen('first')).toBeUndefined();
  expect(nobodyLeft(poolFor(table, { pool: 'first' }), live, anyone, WALL_MS + 1_000)).toMatchObject({ code: 'quota_exhausted', retryAfterMs: 30_000 });
});

test('the reserve of a pool is kept in it alone, and the larger one counts', () => {
  const { accounts, chosen, tell } = world([{ name: 'careful', reservePercent: 30 }], { a: { reservePercent: 10 } });
  const [a, b, c] = accounts as [Account, Account, Account];
  tell(a, 75);
  tell(b, 75);
  tell(c, 60);
  expect(chosen('careful')).toBe('c');
  tell(c, 71);
  expect(chosen('careful')).toBeUndefined();
  expect(chosen(null)).toBeDefined();
});

test('a name stands for a model, also when a model has that name; a pool serves what its accounts and stand-ins do', () => {
  const { table } = world(
    [
      { name: 'first', accounts: ['a'], fallback: ['second'] },
      { name: 'second', accounts: ['b'] },
    ],
    { b: { models: ['n'] } },
  );
  expect([modelFor(table, 'fast'), modelFor(table, 'm'), modelFor(table, 'other')]).toEqual(['m', 'n', 'other']);
  const first = poolFor(table, { pool: 'first' });
  expect(['m', 'n', 'other'].map((model) => serves(first, model))).toEqual([true, true, false]);
  expect(serves(poolFor(table, { pool: 'second' }), 'm')).toBe(false);
});

test('a conversation stays with an account only in its own pool', () => {
  const { live, table, accounts } = world([{ name: 'few', accounts: ['b', 'c'] }]);
  const [a, b] = accounts as [Account, Account];
  const { members } = poolFor(table, { pool: 'few' });
  expect([keepsOwner(members, live, a, anyone), keepsOwner(members, live, b, anyone)]).toEqual([false, true]);
});

test('the account that may have a prompt in its cache goes before its equals, with cache_first before all, and otherwise counts for nothing', () => {
  const { live, table, accounts, tell } = world([
    { name: 'cached', strategy: 'cache_first' },
    { name: 'turns', strategy: 'round_robin' },
  ]);
  const [, , c] = accounts as [Account, Account, Account];
  const keeps = (name: string | null): boolean => keepsCache(poolFor(table, { pool: name }).members, live, c, anyone);
  // It was used last, which is the only thing that speaks against it.
  live.begin(c.slot, LANE);
  live.finish(c.slot);
  expect([keeps(null), keeps('cached'), keeps('turns')]).toEqual([true, true, false]);
  live.begin(c.slot, LANE);
  expect([keeps(null), keeps('cached')]).toEqual([false, true]);
  live.finish(c.slot);
  tell(c, 92);
  expect([keeps(null), keeps('cached')]).toEqual([false, true]);
  live.block(c.slot, null, false);
  expect([keeps(null), keeps('cached')]).toEqual([false, false]);
});
