import { linkSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { DatabaseRefusal, refusalOfFileFault } from '../database-refusal.ts';
import { identifyProcess, isAlive } from './process-identity.ts';
import type { ProcessIdentity } from './process-identity.ts';

/** What a home is held for: a server goes on, a command is soon over. */
export type HomeUse = 'server' | 'command';

/** Another process has the home. */
export class HomeInUse extends DatabaseRefusal {
  readonly pid: number;
  readonly use: HomeUse;

  constructor(home: string, { pid, use = 'server' }: HolderFile) {
    const who = `${pid === process.pid ? 'this same process' : 'another Switchyard process'} (pid ${pid})${use === 'command' ? ', a switchyard command' : ''}`;
    super('home_in_use', `The home ${home} is in use by ${who}. Stop it (kill ${pid}), or give this one a home of its own with SWITCHYARD_HOME.`);
    this.pid = pid;
    this.use = use;
  }
}

/** What a holder's file says. Without `use` it is a server's, or an older version's. */
type HolderFile = ProcessIdentity & { readonly use?: HomeUse };

/** The right to use a home, held by one process at a time. */
export interface HomeLock {
  release(): void;
}

const PREFIX = 'holder.';

/**
 * Takes the home for this process. A dead holder's right is taken over at once; a living one's never.
 *
 * Each holder is a file `run/holder.N`, made whole by link(2), which lets one process alone have number N. A newcomer takes the
 * number after the dead holder it saw, so nobody ever removes or overwrites a file that may have become a living process's.
 * The second look afterwards covers a holder who came and went in between.
 * @throws HomeInUse naming the pid of the holder; DatabaseRefusal when the home cannot be written
 */
export function lockHome(home: string, use: HomeUse = 'server'): HomeLock {
  const folder = join(home, 'run');
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return take(home, folder, use);
  } catch (error) {
    throw refusalOfFileFault(error, home);
  }
}

function take(home: string, folder: string, use: HomeUse): HomeLock {
  const me = { ...identifyProcess(process.pid), use };
  const draft = join(folder, `draft.${process.pid}`);
  writeFileSync(draft, JSON.stringify(me), { mode: 0o600 });
  try {
    for (;;) {
      const seen = holders(folder);
      refuseLiving(home, seen);
      const number = Math.max(0, ...seen.map((holder) => holder.number)) + 1;
      const mine = join(folder, `${PREFIX}${number}`);
      if (!linked(draft, mine)) continue;
      try {
        refuseLiving(
          home,
          holders(folder).filter((holder) => holder.number !== number),
        );
      } catch (error) {
        rmSync(mine, { force: true });
        throw error;
      }
      for (const dead of seen) rmSync(join(folder, `${PREFIX}${dead.number}`), { force: true });
      return { release: () => rmSync(mine, { force: true }) };
    }
  } finally {
    rmSync(draft, { force: true });
  }
}

interface Holder {
  readonly number: number;
  readonly identity: HolderFile | null;
}

function holders(folder: string): Holder[] {
  return readdirSync(folder)
    .filter((name) => name.startsWith(PREFIX) && /^\d+$/.test(name.slice(PREFIX.length)))
    .map((name) => ({ number: Number(name.slice(PREFIX.length)), identity: readIdentity(join(folder, name)) }));
}

function readIdentity(path: string): HolderFile | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as HolderFile;
  } catch {
    return null; // released meanwhile, or cut off by a power failure: links are never partial while the machine runs
  }
}

function refuseLiving(home: string, seen: readonly Holder[]): void {
  const living = seen.find((holder) => holder.identity !== null && isAlive(holder.identity));
  if (living?.identity) throw new HomeInUse(home, living.identity);
}

function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}
