import { usualKeyLimit } from '../admission/lanes.ts';
import type { Gate } from '../admission/gate.ts';
import type { Ground } from '../ground.ts';
import { listKeys } from '../store/keys.ts';
import { KeyTable } from './key-table.ts';

interface KeysParts extends Pick<Ground, 'config' | 'database' | 'metrics' | 'maxActive'> {
  readonly gate: Pick<Gate, 'limitKeys'>;
}

/** The keys of the hot path; none before the first `load`, which also gives each its share of the places. */
export function openKeys({ config, database, metrics, maxActive, gate }: KeysParts) {
  const keys = new KeyTable();
  metrics.switchyard_keys.follow(() => keys.size);
  const load = async (): Promise<void> => {
    keys.replace(
      (await listKeys(database.kysely, 'live')).map(({ id, name, digest, models, accounts, pool }) => ({
        id,
        name,
        digest,
        models: models && new Set(models),
        accounts: accounts && new Set(accounts),
        pool,
      })),
    );
    gate.limitKeys(config['limits.requests_per_key'] || usualKeyLimit(maxActive, keys.size));
  };
  return { keys, load };
}
