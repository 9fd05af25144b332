import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import { DatabaseRefusal } from '../database-refusal.ts';

/** The migrations of one service, which has one schema, named like it. */
export interface MigrationSet {
  readonly service: string;
  readonly directory: string;
}

export interface MigrationFile {
  readonly number: number;
  /** Such as `0001-accounts.sql`. */
  readonly name: string;
  readonly path: string;
  readonly sql: string;
  readonly checksum: string;
}

/** Reads a set in order. @throws DatabaseRefusal `migration_files` for a wrong name, a number used twice, or a gap. */
export function readMigrationFiles(set: MigrationSet): MigrationFile[] {
  const refuse = (what: string): never => {
    throw new DatabaseRefusal(
      'migration_files',
      `The migrations of ${set.service} in ${set.directory} are not in order: ${what}. Name them NNNN-what-it-does.sql, counting from 0001 without a gap.`,
    );
  };
  if (!/^[a-z][a-z0-9_]*$/.test(set.service)) refuse(`"${set.service}" cannot be the name of a schema`);
  const names = readdirSync(set.directory)
    .filter((name) => name.endsWith('.sql'))
    .sort();
  return names.map((name, index) => {
    if (!/^\d{4}-[a-z0-9]+(-[a-z0-9]+)*\.sql$/.test(name)) refuse(`${name} is not so named`);
    const number = Number(name.slice(0, 4));
    if (number <= index)
      refuse(index > 0 && names[index - 1]!.startsWith(name.slice(0, 4)) ? `${names[index - 1]} and ${name} have one number` : `${name} is numbered 0000`);
    if (number > index + 1) refuse(`${String(index + 1).padStart(4, '0')} is missing before ${name}`);
    const path = join(set.directory, name);
    // Line ends are the checkout's, not the author's.
    const sql = readFileSync(path, 'utf8').replaceAll('\r\n', '\n');
    return { number, name, path, sql, checksum: createHash('sha256').update(sql).digest('hex') };
  });
}
