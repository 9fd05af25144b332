import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, readFileSync, readdirSync, realpathSync, renameSync, rmSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';

import { DatabaseRefusal, refusalOfFileFault } from '../database-refusal.ts';
import type { PostgresBinaries } from './postgres-binaries.ts';

/** How root becomes an ordinary user, which PostgreSQL insists on: in a user namespace, or as uid 65534 with folders of its own. */
export type RootWay = 'namespace' | 'nobody';

/** How programs of PostgreSQL are started here, and where they keep their files. */
export interface Launcher {
  /** Words before the program: what makes it an ordinary user, and what ends it with us. */
  readonly prefix: readonly string[];
  /** Who it runs as, when that is not us. */
  readonly owner: { readonly uid: number; readonly gid: number } | null;
  /** Folder of the data, the socket and the copied binaries: the home, or a folder that uid 65534 can reach. */
  readonly root: string;
  readonly bin: string;
  readonly env: NodeJS.ProcessEnv;
}

export interface LauncherOptions {
  readonly home: string;
  readonly binaries: PostgresBinaries;
  /** Only PATH is read: where `unshare` and `setpriv` are looked for. */
  readonly env: NodeJS.ProcessEnv;
  /** Takes one way instead of trying; only for root. */
  readonly rootWay?: RootWay | undefined;
  /** Parent of the folders of uid 65534. */
  readonly sharedState?: string | undefined;
}

const NOBODY = { uid: 65_534, gid: 65_534 } as const;
const SHARED_STATE = '/var/lib/switchyard';
// The kernel asks the server to stop when our process dies, however it dies. Where setpriv is missing, the next start ends the orphan.
const ENDS_WITH_US = ['setpriv', '--pdeathsig', 'INT', '--'];

/** Chooses once per start (architecture 1, row "Database"). @throws DatabaseRefusal `no_ordinary_user` */
export function chooseLauncher(options: LauncherOptions): Launcher {
  const { home, binaries } = options;
  // The C locale keeps messages in the language that we read; nothing of our own environment reaches the server.
  const env = { PATH: options.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };
  const runs = (words: readonly string[]): boolean => spawnSync(words[0]!, [...words.slice(1), 'true'], { env, stdio: 'ignore' }).status === 0;
  const last = process.platform === 'linux' && runs(ENDS_WITH_US) ? ENDS_WITH_US : [];
  const inHome = { owner: null, root: home, bin: join(binaries.root, 'bin'), env };
  const uid = namedUid();
  const namespace = ['unshare', '--user', `--map-user=${uid}`, `--map-group=${uid}`, '--'];
  const inNamespace = { ...inHome, prefix: [...namespace, ...last] };
  if (process.getuid?.() !== 0) {
    if (hasName()) return { ...inHome, prefix: last };
    if (runs(namespace)) return inNamespace;
    throw new DatabaseRefusal(
      'no_ordinary_user',
      `PostgreSQL needs a name for the user that it runs as, and uid ${process.getuid?.()} has none in /etc/passwd. Add a line for it, run Switchyard as a user who has one, or set DATABASE_URL to a PostgreSQL server.`,
    );
  }

  const shared = sharedFolderOf(home, options.sharedState ?? SHARED_STATE);
  if (rootWayOf(home, shared, options.rootWay, () => runs(namespace)) === 'namespace') return inNamespace;
  return { prefix: last, owner: NOBODY, root: shared, bin: join(placeBinaries(shared, binaries), 'bin'), env };
}

function hasName(): boolean {
  try {
    userInfo();
    return true;
  } catch {
    return false;
  }
}

/** An ordinary uid that has a name on this machine, which `initdb` asks for: 65534 nearly everywhere. */
function namedUid(): number {
  const passwd = existsSync('/etc/passwd') ? readFileSync('/etc/passwd', 'utf8') : '';
  const uids = passwd.split('\n').map((line) => Number(line.split(':')[2]));
  return uids.includes(NOBODY.uid) ? NOBODY.uid : (uids.find((uid) => uid > 0) ?? NOBODY.uid);
}

/** Whether there is something in the data folder of a home, wherever that is for this user. Changes nothing. */
export function hasDataFolder(home: string, sharedState = SHARED_STATE): boolean {
  const real = realpathSync(home);
  const roots = process.getuid?.() === 0 ? [real, sharedFolderOf(real, sharedState)] : [real];
  return roots.some((root) => existsSync(join(root, 'postgres')) && readdirSync(join(root, 'postgres')).length > 0);
}

// Data stays where it was first made: a kernel setting that changes must not show an empty database.
function rootWayOf(home: string, shared: string, asked: RootWay | undefined, namespacesWork: () => boolean): RootWay {
  if (asked) return asked;
  if (existsSync(join(shared, 'postgres', 'PG_VERSION'))) return 'nobody';
  if (namespacesWork()) return 'namespace';
  if (existsSync(join(home, 'postgres', 'PG_VERSION')))
    throw new DatabaseRefusal(
      'no_ordinary_user',
      `PostgreSQL does not run as root, and the user namespace in which it ran on ${join(home, 'postgres')} until now is refused (unshare --user). Allow user namespaces again, or run Switchyard as an ordinary user who owns ${home}.`,
    );
  return 'nobody';
}

function sharedFolderOf(home: string, sharedState: string): string {
  return join(sharedState, createHash('sha256').update(home).digest('hex').slice(0, 16));
}

/** A clone in root's home cannot be read by uid 65534, so the binaries are copied: whole or not at all, once per version. */
function placeBinaries(shared: string, binaries: PostgresBinaries): string {
  const place = join(shared, `native-${binaries.packageVersion}`);
  try {
    mkdirSync(join(shared, '..'), { recursive: true, mode: 0o711 });
    mkdirSync(shared, { recursive: true, mode: 0o700 });
    chownSync(shared, NOBODY.uid, NOBODY.gid);
    if (existsSync(place)) return place;
    for (const name of readdirSync(shared)) if (name.startsWith('native-')) rmSync(join(shared, name), { recursive: true });
    const draft = `${place}.draft`;
    cpSync(binaries.root, draft, { recursive: true, verbatimSymlinks: true });
    makeReadable(draft);
    renameSync(draft, place);
    return place;
  } catch (error) {
    throw refusalOfFileFault(error, shared);
  }
}

function makeReadable(folder: string): void {
  chmodSync(folder, 0o755);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) makeReadable(path);
    else if (entry.isFile()) chmodSync(path, (statSync(path).mode & 0o111) === 0 ? 0o644 : 0o755);
  }
}
