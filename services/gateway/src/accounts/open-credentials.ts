import type { Account } from '../choice/account.ts';
import type { LiveFigures } from '../choice/live-figures.ts';
import type { Ground } from '../ground.ts';
import { tallies } from '../metrics.ts';
import type { AccountRegistry } from './account-registry.ts';
import { loginInHome } from './codex-home.ts';
import { CredentialKeeper } from './credential-keeper.ts';
import type { CredentialKeeperParts } from './credential-keeper.ts';
import { faultyRenew } from './faulty-renew.ts';
import { renewLogin } from './renew-login.ts';
import { UsagePolls } from './usage-polls.ts';

interface CredentialsParts extends Pick<Ground, 'config' | 'database' | 'vault' | 'metrics' | 'faults' | 'nowMs' | 'wallClockMs' | 'log'> {
  readonly registry: AccountRegistry;
  readonly live: LiveFigures;
  /** Reads an account anew. */
  readonly applied: (accountId: string) => Promise<void>;
}

/** What keeps the credentials of accounts good, and asks those that are logins for their quota. */
export interface Credentials extends AsyncDisposable {
  /** Looks for a better credential after an account has refused its own. Never rejects. */
  readonly recover: (account: Account) => Promise<Account | null>;
  /** Begins what is due; to be called once a second. */
  tick(): void;
}

export function openCredentials(parts: CredentialsParts): Credentials {
  const { config, database, vault, metrics, faults, nowMs, wallClockMs, log, registry, live, applied } = parts;
  const connectTimeoutMs = config['upstream.connect_timeout_ms'];
  const renew: CredentialKeeperParts['renew'] = (login, tokenUrl, reason) => renewLogin(login, tokenUrl, reason, { connectTimeoutMs, wallClockMs });
  const owned = new AsyncDisposableStack();
  const keeper = new CredentialKeeper({
    db: database.kysely,
    vault,
    snapshot: () => registry.snapshot,
    logins: () => registry.logins,
    renew: faults === null ? renew : faultyRenew(renew, faults),
    readHome: loginInHome,
    applied,
    onResult: tallies(metrics.switchyard_login_renewals_total, (result) => ({ result })),
    wallClockMs,
    nowMs,
    log,
  });
  owned.defer(() => keeper.close());
  const recover = (account: Account): Promise<Account | null> => keeper.recover(account);
  const polls = new UsagePolls({
    snapshot: () => registry.snapshot,
    blockedForMs(slot) {
      const wallMs = wallClockMs();
      const sinceMs = live.quota.blockedAtMs(slot, wallMs);
      return sinceMs === 0 ? null : wallMs - sinceMs;
    },
    nowMs,
    observe: (slot, reading) => live.observe(slot, reading),
    recover,
    wallClockMs,
  });
  owned.defer(() => polls.close());
  return {
    recover,
    tick() {
      if (database.isAvailable()) keeper.tick();
      polls.tick();
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
