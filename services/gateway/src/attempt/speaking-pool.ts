import { makeSnapshot } from '../choice/account.ts';
import type { Account, Snapshot } from '../choice/account.ts';
import type { Pool } from '../choice/pool.ts';

/**
 * A pool, and those that stand in for it, without the accounts that do not speak WebSocket.
 * @param version  Of the table that it is to be a part of; left out, that of the pool.
 */
export function speakingPool(pool: Pool, speaks: (account: Account) => boolean, version = pool.members.version): Pool {
  const speakingIn = (members: Snapshot): Snapshot => {
    const accounts = members.accounts.filter(speaks);
    // The one of all keeps what makes choosing among very many quick.
    return accounts.length === members.accounts.length ? members : makeSnapshot(version, accounts, members.off, members.order);
  };
  const fallback = pool.fallback?.map((each) => ({ ...each, members: speakingIn(each.members), fallback: null, plain: null })) ?? null;
  return { ...pool, members: speakingIn(pool.members), fallback, plain: null };
}
