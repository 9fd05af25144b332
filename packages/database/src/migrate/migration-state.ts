import type pg from 'pg';
import { readMigrationFiles } from './migration-files.ts';
import type { MigrationSet } from './migration-files.ts';

/** How the schemas of a database stand against the migrations that this version brings; by names of files. */
export interface MigrationState {
  /** Not applied yet. */
  readonly pending: readonly string[];
  /** Applied by a newer version. */
  readonly unknown: readonly string[];
  /** Applied, and changed since. */
  readonly changed: readonly string[];
}

/**
 * Looks how far a database has been migrated, and changes nothing.
 * @throws DatabaseRefusal `migration_files`
 */
export async function readMigrationState(pool: Pick<pg.Pool, 'query'>, sets: readonly MigrationSet[]): Promise<MigrationState> {
  const applied = await readApplied(pool);
  const state = { pending: [] as string[], unknown: [] as string[], changed: [] as string[] };
  for (const set of sets) {
    const files = readMigrationFiles(set);
    const rows = applied.filter(({ service }) => service === set.service);
    for (const { number, name, checksum } of rows) {
      const file = files[number - 1];
      if (file === undefined) state.unknown.push(name);
      else if (file.checksum !== checksum) state.changed.push(name);
    }
    state.pending.push(...files.slice(rows.length).map(({ name }) => name));
  }
  return state;
}

interface Applied {
  readonly service: string;
  readonly number: number;
  readonly name: string;
  readonly checksum: string;
}

async function readApplied(pool: Pick<pg.Pool, 'query'>): Promise<readonly Applied[]> {
  const { rows } = await pool.query<{ there: boolean }>("select to_regclass('platform.migration') is not null as there");
  if (rows[0]?.there !== true) return [];
  return (await pool.query<Applied>('select service, number, name, checksum from platform.migration order by service, number')).rows;
}
