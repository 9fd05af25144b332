import { readMigrationState } from '@switchyard/database';
import type { MigrationSet } from '@switchyard/database';
import type { Pool } from 'pg';
import { openSecrets } from '../../accounts/account-secrets.ts';
import type { KindLimits } from '../../bindings/kinds.ts';
import { listAccounts } from '../../store/accounts.ts';
import type { AccountRow } from '../../store/accounts.ts';
import { countMissingOwners } from '../../store/count-bindings.ts';
import { listIncidents } from '../../store/incidents.ts';
import { readClockMs } from '../../store/read-clock.ts';
import { listConflicts } from '../../store/show-bindings.ts';
import type { Control } from '../control.ts';
import { countsByKind } from '../session-bindings.ts';
import type { AccountFacts, StoredFacts, TableFacts } from './facts.ts';

export interface StoredParts {
  readonly control: Pick<Control, 'db' | 'vault' | 'wallClockMs' | 'declaredNames'>;
  readonly pool: Pool;
  /** Of bindings. */
  readonly limits: KindLimits;
  readonly migrations: readonly MigrationSet[];
}

const MOST_CONFLICTS = 10;
const MOST_INCIDENTS = 20;

/** Reads what the database has to say of how things are, and changes nothing. */
export async function readStored(parts: StoredParts): Promise<StoredFacts> {
  const migrations = await readMigrationState(parts.pool, parts.migrations);
  const clockAheadMs = await clockAhead(parts);
  // Of a schema of another version nothing can be said but that.
  return { migrations, clockAheadMs, tables: migrations.pending.length > 0 || migrations.unknown.length > 0 ? null : await readTables(parts) };
}

async function readTables({ control, pool, limits }: StoredParts): Promise<TableFacts> {
  const declared = control.declaredNames();
  const accounts = (await listAccounts(control.db)).map((row): AccountFacts => {
    const { id, name, kind, source, models } = row;
    return {
      id,
      name,
      kind,
      source,
      models: models.length,
      unreadable: trouble(control, row),
      needsLogin: row.login_state === 'needs_login',
      isDeclared: source === 'api' || declared.has(name),
    };
  });
  return {
    accounts,
    incidents: await listIncidents(pool, MOST_INCIDENTS),
    bindings: { kinds: await countsByKind(pool, limits), conflicts: await listConflicts(pool, MOST_CONFLICTS), missing: await countMissingOwners(pool) },
  };
}

function trouble({ vault }: StoredParts['control'], row: AccountRow): string | null {
  if (row.source !== 'api') return null;
  try {
    openSecrets(vault, row);
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

async function clockAhead({ control, pool }: StoredParts): Promise<number> {
  const before = control.wallClockMs();
  const theirs = await readClockMs(pool);
  const after = control.wallClockMs();
  return Math.round((before + after) / 2 - theirs);
}
