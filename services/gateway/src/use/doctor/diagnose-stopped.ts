import type { Config } from '@switchyard/config';
import { bindingLimits } from '../../bindings/kinds.ts';
import { showStoredQuota } from '../quota.ts';
import { GATEWAY_MIGRATIONS } from '../../store/migrations.ts';
import { diagnose } from './diagnose.ts';
import type { Report } from './finding.ts';
import { readStored } from './read-stored.ts';
import type { StoredParts } from './read-stored.ts';

/** What is wrong with a server that does not run, as far as its files say. Its database is asked and not changed. */
export async function diagnoseStopped({ config, ...parts }: Pick<StoredParts, 'control' | 'pool'> & { readonly config: Config }): Promise<Report> {
  const stored = await readStored({ ...parts, limits: bindingLimits(config), migrations: [GATEWAY_MIGRATIONS] });
  const { db, wallClockMs } = parts.control;
  const quota = stored.tables === null ? [] : await showStoredQuota({ db, pool: parts.pool, wallClockMs });
  return diagnose({ config, stored, quota, live: null, atMs: wallClockMs() });
}
