import { LANE_AT } from '../choice/lanes.ts';
import type { LiveFigures } from '../choice/live-figures.ts';
import type { PoolRules } from '../choice/pool.ts';
import { STANDINGS } from '../choice/standing.ts';
import type { Ground } from '../ground.ts';
import { LANES } from '../routes.ts';
import { AccountRegistry } from './account-registry.ts';

interface AccountsParts extends Pick<Ground, 'config' | 'database' | 'vault' | 'metrics' | 'faults' | 'nowMs' | 'log'> {
  readonly live: LiveFigures;
  readonly pools: readonly PoolRules[];
}

/** The accounts of the hot path; none before the first `load`. */
export function openAccounts({ config, database, vault, metrics, faults, nowMs, log, live, pools }: AccountsParts): AccountRegistry {
  const registry = new AccountRegistry({
    db: database.kysely,
    vault,
    live,
    pools,
    aliases: config.aliases,
    connectTimeoutMs: config['upstream.connect_timeout_ms'],
    faults,
    nowMs,
    log,
  });
  metrics.switchyard_upstream_in_flight.follow(() => live.totalInFlight);
  for (const lane of LANES)
    for (const standing of STANDINGS)
      metrics.switchyard_account_standing.follow(
        { lane, standing },
        () => registry.snapshot.accounts.filter(({ slot }) => live.standing(slot, LANE_AT[lane]) === standing).length,
      );
  metrics.switchyard_accounts.follow(() => registry.snapshot.accounts.length);
  return registry;
}
