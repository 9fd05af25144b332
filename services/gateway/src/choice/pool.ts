import type { Account, OffAccount, Snapshot } from './account.ts';
import { makeSnapshot } from './account.ts';
import { chooseAccount } from './choose-account.ts';
import type { Query } from './choose-account.ts';
import type { LiveFigures } from './live-figures.ts';
import type { OrderRules } from './pool-order.ts';
import { Unserved } from './unserved.ts';

/** The pool of keys that name none: all accounts, unless it is declared otherwise. */
export const DEFAULT_POOL = 'default';

/** What is declared of a pool. */
export interface PoolRules extends OrderRules {
  readonly name: string;
  /** Names of accounts; null is all. */
  readonly accounts: readonly string[] | null;
  /** Whether a conversation that only prefers its account, but firmly, leaves it when that is out of quota. */
  readonly movesExhausted: boolean;
  /** Names of the pools that are asked, in turn, when none of its own accounts can serve. */
  readonly fallback: readonly string[];
}

/** A named set of accounts that requests are spread over. */
export interface Pool {
  readonly name: string;
  readonly movesExhausted: boolean;
  readonly members: Snapshot;
  /** Asked, in turn, when none of its own accounts can serve; null when there are none. */
  readonly fallback: readonly Pool[] | null;
  /** The same for whatever is not Responses, which a ChatGPT login does not serve; null when it is the same. */
  readonly plain: Pool | null;
}

/** All enabled accounts at one moment, with the pools that they are in. */
export interface AccountTable extends Snapshot {
  readonly pools: ReadonlyMap<string, Pool>;
  /** Of keys that name none. */
  readonly pool: Pool;
  /** The models that other names stand for; null when there are no such names. */
  readonly aliases: ReadonlyMap<string, string> | null;
}

/** The pool of all accounts of a snapshot. */
export function poolOf(members: Snapshot): Pool {
  const pool = { name: DEFAULT_POOL, movesExhausted: false, members, fallback: null };
  return { ...pool, plain: plainOf(pool) };
}

/** @param rules  In the order of the orders of the live figures, from 1. */
export function makeTable(
  version: number,
  accounts: readonly Account[],
  rules: readonly PoolRules[] = [],
  aliases: Readonly<Record<string, string>> = {},
  off: readonly OffAccount[] = [],
): AccountTable {
  const all = makeSnapshot(version, accounts, off);
  const pools = new Map<string, Pool & { fallback: Pool[] | null; plain: Pool | null }>();
  for (const [i, { name, accounts: names, movesExhausted, fallback }] of rules.entries()) {
    const isMember = (account: Pick<Account, 'name'>): boolean => names === null || names.includes(account.name);
    const members = makeSnapshot(version, all.accounts.filter(isMember), off.filter(isMember), i + 1);
    pools.set(name, { name, movesExhausted, members, fallback: fallback.length === 0 ? null : [], plain: null });
  }
  for (const { name, fallback } of rules) for (const other of fallback) pools.get(name)!.fallback!.push(pools.get(other)!);
  for (const pool of pools.values()) pool.plain = plainOf(pool);
  const declared = Object.entries(aliases);
  return Object.assign(all, { pools, pool: pools.get(DEFAULT_POOL) ?? poolOf(all), aliases: declared.length === 0 ? null : new Map(declared) });
}

function plainOf({ name, movesExhausted, members, fallback }: Omit<Pool, 'plain'>): Pool | null {
  if (members.plain === null && !fallback?.some((each) => each.members.plain !== null)) return null;
  const others = fallback?.map((each) => ({ ...each, members: each.members.plain ?? each.members })) ?? null;
  return { name, movesExhausted, members: members.plain ?? members, fallback: others, plain: null };
}

/** The pool of a key. @throws SwitchyardError `no_account_available` when this server does not declare it */
export function poolFor(table: AccountTable, key: { readonly pool: string | null }): Pool {
  if (key.pool === null) return table.pool;
  const pool = table.pools.get(key.pool);
  if (pool !== undefined) return pool;
  if (key.pool === DEFAULT_POOL) return table.pool;
  throw new Unserved(
    'no_account_available',
    'pool_not_declared',
    `The pool \`${key.pool}\` of this key is not declared; put [pools.${key.pool}] into switchyard.toml.`,
  );
}

/** The model that a name stands for: itself, when it is no alias. */
export function modelFor(table: Pick<AccountTable, 'aliases'>, name: string): string {
  return table.aliases === null ? name : (table.aliases.get(name) ?? name);
}

/** Whether an account that could serve a request has as many as it may have, in a pool or in one that stands in for it. */
export function hasFull({ members, fallback }: Pool, live: LiveFigures, query: Query): boolean {
  const isFull = (each: Snapshot): boolean => chooseAccount(each, live, query).skipped?.hard_full !== undefined;
  return isFull(members) || (fallback !== null && fallback.some((pool) => isFull(pool.members)));
}

/** Whether an account of a pool, or of those that stand in for it, serves a model. */
export function serves(pool: Pool, model: string): boolean {
  return pool.members.byModel.has(model) || (pool.fallback !== null && pool.fallback.some(({ members }) => members.byModel.has(model)));
}

/** When a pool, or one that stands in for it, serves a model again that it has no quota for, monotonic milliseconds; null when that is not why. */
export function limitedUntil({ members, fallback }: Pool, model: string): number | null {
  const until = [members, ...(fallback ?? []).map((each) => each.members)].map(({ limited }) => limited?.get(model) ?? Infinity);
  const soonest = Math.min(...until);
  return soonest === Infinity ? null : soonest;
}

/** The pool that a request is to be sent to now: its own, or the first of those that stand in for it when only there somebody can serve. */
export function poolToAsk(pool: Pool, live: LiveFigures, query: Query): Pool {
  if (pool.fallback === null || chooseAccount(pool.members, live, query).account !== null) return pool;
  return pool.fallback.find(({ members }) => chooseAccount(members, live, query).account !== null) ?? pool;
}
