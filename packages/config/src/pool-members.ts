import type { Config } from './load-config.ts';
import { nearestName } from './suggest.ts';

/** A pool that names an account that there is not. */
interface UnknownMember {
  readonly pool: string;
  readonly account: string;
  /** `file:line:column` of the pool. */
  readonly place: string;
  /** The account that was most likely meant; null when none is near. */
  readonly near: string | null;
}

/** The accounts that a start declares by itself: those of switchyard.toml, and the sandbox unless it is off. */
export function declaredAccounts({ accounts, 'gateway.sandbox': sandbox }: Pick<Config, 'accounts' | 'gateway.sandbox'>): string[] {
  return [...accounts.map(({ name }) => name), ...(sandbox ? ['sandbox'] : [])];
}

/** What pools name that is none of these accounts. */
export function unknownMembers({ pools }: Pick<Config, 'pools'>, known: ReadonlySet<string>): UnknownMember[] {
  return pools.flatMap(({ name, accounts, place }) =>
    (accounts ?? []).filter((account) => !known.has(account)).map((account) => ({ pool: name, account, place, near: nearestName(account, known) })),
  );
}
