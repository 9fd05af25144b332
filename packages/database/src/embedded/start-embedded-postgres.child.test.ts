import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdir, mkdtemp, readFile, readdir, readlink, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

import { silentLogger, temporaryHome } from '@switchyard/testkit';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { identifyProcess, processesIn } from './process-identity.ts';
import { MAX_LOG_BYTES } from './server-log.ts';
import { startEmbeddedPostgres } from './start-embedded-postgres.ts';
import type { EmbeddedPostgres } from './start-embedded-postgres.ts';

const log = silentLogger();
const asRoot = process.getuid?.() === 0;
const namespaces = spawnSync('unshare', ['--user', 'true']).status === 0;

// One home for all that does not spoil it: making a data folder is the slow part.
let home: string;
let gone: AsyncDisposable;

beforeAll(async () => {
  const made = await temporaryHome();
  home = made.path;
  gone = made;
  await using postgres = await startEmbeddedPostgres({ home, log });
  await query(postgres, 'CREATE TABLE note (text text PRIMARY KEY)');
});

afterAll(() => gone[Symbol.asyncDispose]());

test('a first start makes a data folder with checksums, UTF-8 and a locale of its own, and listens on no network', async () => {
  await using fresh = await temporaryHome();
  await using postgres = await startEmbeddedPostgres({ home: join(fresh.path, 'not', 'there', 'yet'), log });
  expect(postgres.created).toBe(true);
  expect(
    await settings(postgres, [
      'data_checksums',
      'fsync',
      'full_page_writes',
      'synchronous_commit',
      'listen_addresses',
      'server_encoding',
      'TimeZone',
      'unix_socket_permissions',
    ]),
  ).toEqual({
    data_checksums: 'on',
    fsync: 'on',
    full_page_writes: 'on',
    synchronous_commit: 'on',
    listen_addresses: '',
    server_encoding: 'UTF8',
    TimeZone: 'UTC',
    unix_socket_permissions: '0700',
  });
  const [locale] = await query(postgres, "SELECT datlocprovider, datlocale FROM pg_database WHERE datname = 'switchyard'");
  expect(locale).toEqual({ datlocprovider: 'b', datlocale: 'C.UTF-8' });
  expect((await stat(postgres.connection.host)).mode & 0o777).toBe(0o700);
});

test('a second start finds what the first one committed, and a stop leaves no process, socket or lock', async () => {
  {
    await using postgres = await startEmbeddedPostgres({ home, log });
    await query(postgres, "INSERT INTO note VALUES ('kept')");
  }
  expect(processesIn(join(home, 'postgres'), null)).toEqual([]);
  expect(await readdir(home)).toEqual(['postgres', 'postgres.log', 'run']);
  expect(await readdir(join(home, 'run'))).toEqual([]);
  await using again = await startEmbeddedPostgres({ home, log });
  expect(again.created).toBe(false);
  expect(await query(again, 'SELECT text FROM note')).toEqual([{ text: 'kept' }]);
});

test('its log stays bounded while it runs, and goes on where it was cut', async () => {
  await using postgres = await startEmbeddedPostgres({ home, log, logCheckMs: 10 });
  const path = join(home, 'postgres.log');
  await truncate(path, MAX_LOG_BYTES + 1);
  const sizeOf = async (name: string): Promise<number> => (await stat(name).catch(() => null))?.size ?? -1;
  while ((await sizeOf(path)) > 0);
  expect(await sizeOf(`${path}.1`)).toBe(MAX_LOG_BYTES + 1);
  await expect(query(postgres, 'SELECT no_such_thing')).rejects.toThrow();
  while ((await sizeOf(path)) === 0);
  expect(await readFile(path, 'utf8')).toMatch(/^\d{4}-.*ERROR/);
  await rm(`${path}.1`);
});

test('a second process on one home is refused by the name of the first, which goes on', async () => {
  await using first = await holdHome(home);
  await expect(startEmbeddedPostgres({ home, log })).rejects.toMatchObject({ reason: 'home_in_use', message: expect.stringContaining(`(pid ${first.pid})`) });
  expect(identifyProcess(first.postmaster)).not.toBeNull();
});

test('two starts within one process are told apart too', async () => {
  await using postgres = await startEmbeddedPostgres({ home, log });
  await expect(startEmbeddedPostgres({ home, log })).rejects.toMatchObject({ reason: 'home_in_use' });
  expect(await query(postgres, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
});

test('the server ends with a process that is killed, and the next start goes on', async () => {
  const first = await holdHome(home);
  await first[Symbol.asyncDispose]();
  await until(() => identifyProcess(first.postmaster) === null);
  await using next = await startEmbeddedPostgres({ home, log });
  expect(await query(next, 'SELECT text FROM note')).toEqual([{ text: 'kept' }]);
});

test.for(['running', 'stopped'] as const)('a server that outlived its process is ended by the next start, also one that hangs: %s', async (state) => {
  // Without setpriv on the path nothing ends the server when its process is killed.
  await using path = await pathWithout('setpriv');
  const first = await holdHome(home, { PATH: path.path });
  await first[Symbol.asyncDispose]();
  expect(identifyProcess(first.postmaster)).not.toBeNull();
  if (state === 'stopped') process.kill(first.postmaster, 'SIGSTOP');
  await using next = await startEmbeddedPostgres({ home, log });
  expect(identifyProcess(first.postmaster)).toBeNull();
  expect(await query(next, 'SELECT text FROM note')).toEqual([{ text: 'kept' }]);
});

test('a server that is killed under us is started again with what was committed', async () => {
  await using postgres = await startEmbeddedPostgres({ home, log });
  const before = postgres.pid!;
  await query(postgres, "INSERT INTO note VALUES ('before the crash')");
  process.kill(before, 'SIGKILL');
  await until(() => postgres.pid !== null && postgres.pid !== before);
  expect(await query(postgres, 'SELECT text FROM note ORDER BY text')).toEqual([{ text: 'before the crash' }, { text: 'kept' }]);
});

test('a stop while a killed server is being started again ends that one too', async () => {
  const postgres = await startEmbeddedPostgres({ home, log });
  const before = postgres.pid!;
  process.kill(before, 'SIGKILL');
  await until(() => postgres.pid !== before);
  await postgres[Symbol.asyncDispose]();
  expect(processesIn(join(home, 'postgres'), null)).toEqual([]);
});

test('a lock file of the server whose pid is somebody else by now does not keep it from starting', async () => {
  const lockFile = join(home, 'postgres', 'postmaster.pid');
  await writeFile(lockFile, `${process.pid}\n${join(home, 'postgres')}\n1\n5432\n${join(home, 'socket')}\n\n`, { mode: 0o600 });
  await using postgres = await startEmbeddedPostgres({ home, log });
  expect(await query(postgres, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
});

test('what a first start that was cut off left behind is removed', async () => {
  await mkdir(join(home, 'postgres.new-abc'));
  await writeFile(join(home, 'postgres.new-abc', 'PG_VERSION'), '18\n');
  await using postgres = await startEmbeddedPostgres({ home, log });
  expect(await readdir(home)).not.toContain('postgres.new-abc');
  expect(postgres.created).toBe(false);
});

test('a data folder of another version is refused by name, untouched, with a way out', async () => {
  const versionFile = join(home, 'postgres', 'PG_VERSION');
  await writeFile(versionFile, '17\n');
  try {
    const refusal = await startEmbeddedPostgres({ home, log }).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ reason: 'other_version', message: expect.stringMatching(/PostgreSQL 17; .*PostgreSQL 18 .*pg_dump .*DATABASE_URL/s) });
    expect(await readFile(versionFile, 'utf8')).toBe('17\n');
  } finally {
    await writeFile(versionFile, '18\n');
  }
  await using postgres = await startEmbeddedPostgres({ home, log });
  expect(await query(postgres, 'SELECT count(*)::int AS n FROM note')).toEqual([{ n: 2 }]);
});

test('a folder that is no data folder is left alone', async () => {
  await using fresh = await temporaryHome();
  await mkdir(join(fresh.path, 'postgres'));
  await writeFile(join(fresh.path, 'postgres', 'thesis.txt'), 'the only copy');
  await expect(startEmbeddedPostgres({ home: fresh.path, log })).rejects.toMatchObject({ reason: 'not_a_data_folder' });
  expect(await readdir(join(fresh.path, 'postgres'))).toEqual(['thesis.txt']);
});

test.runIf(asRoot)("a data folder of another user is refused with that user's number", async () => {
  await chown(join(home, 'postgres'), 4_242, 4_242);
  try {
    await expect(startEmbeddedPostgres({ home, log })).rejects.toMatchObject({ reason: 'other_owner', message: expect.stringContaining('uid 4242') });
  } finally {
    await chown(join(home, 'postgres'), 0, 0);
  }
});

test('a home of 120 characters works, with its socket under /tmp for as long as it runs', async () => {
  await using fresh = await temporaryHome();
  const long = join(fresh.path, 'h'.repeat(119 - fresh.path.length));
  expect(long).toHaveLength(120);
  let socketFolder: string;
  {
    await using postgres = await startEmbeddedPostgres({ home: long, log });
    socketFolder = postgres.connection.host;
    expect(Buffer.byteLength(join(socketFolder, '.s.PGSQL.5432'))).toBeLessThanOrEqual(90);
    expect(await query(postgres, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  }
  await expect(stat(socketFolder)).rejects.toThrow('ENOENT');
});

test.runIf(asRoot && namespaces)('as root, the server runs in a user namespace as an ordinary user, with its files in a home of mode 0700', async () => {
  await using postgres = await startEmbeddedPostgres({ home, log, rootWay: 'namespace' });
  expect((await stat(home)).mode & 0o777).toBe(0o700);
  expect(await readlink(`/proc/${postgres.pid}/ns/user`)).not.toBe(await readlink('/proc/self/ns/user'));
  expect(await readFile(`/proc/${postgres.pid}/uid_map`, 'utf8')).toMatch(/^\s*[1-9]\d*\s+0\s+1\s*$/);
  expect(await capabilities(postgres.pid!)).toBe(0n);
});

test.runIf(namespaces)('a user without a name in /etc/passwd, as in many containers, gets a first start too', async () => {
  await using fresh = await temporaryHome();
  await using first = await holdHome(fresh.path, {}, ['unshare', '--user', '--map-user=54321', '--map-group=54321', '--']);
  expect(identifyProcess(first.postmaster)).not.toBeNull();
});

test.runIf(asRoot)('as root without user namespaces, the server runs as uid 65534 on folders of its own, and stays with them', async () => {
  await using fresh = await temporaryHome();
  const sharedState = await mkdtemp(join(tmpdir(), 'swyd-shared-'));
  await chmod(sharedState, 0o711);
  try {
    {
      await using postgres = await startEmbeddedPostgres({ home: fresh.path, log, rootWay: 'nobody', sharedState });
      expect((await stat(`/proc/${postgres.pid}`)).uid).toBe(65_534);
      expect(await capabilities(postgres.pid!)).toBe(0n);
      await query(postgres, "CREATE TABLE note AS SELECT 'kept' AS text");
    }
    await using again = await startEmbeddedPostgres({ home: fresh.path, log, sharedState });
    expect((await stat(`/proc/${again.pid}`)).uid).toBe(65_534);
    expect(await query(again, 'SELECT text FROM note')).toEqual([{ text: 'kept' }]);
    expect(await readdir(fresh.path)).not.toContain('postgres');
  } finally {
    await rm(sharedState, { recursive: true });
  }
});

test.runIf(asRoot && namespaces)('data made in a user namespace is not left behind for an empty database when namespaces are refused', async () => {
  await using path = await pathWithout('unshare');
  await expect(startEmbeddedPostgres({ home, log, env: { PATH: path.path }, sharedState: join(home, 'none') })).rejects.toMatchObject({
    reason: 'no_ordinary_user',
  });
});

interface HeldHome extends AsyncDisposable {
  readonly pid: number;
  readonly postmaster: number;
}

/** Another process that holds the home; disposing it is kill -9. */
async function holdHome(path: string, env: NodeJS.ProcessEnv = {}, prefix: readonly string[] = []): Promise<HeldHome> {
  const words = [...prefix, process.execPath, join(import.meta.dirname, 'fixtures', 'hold-home.ts'), path];
  const child = spawn(words[0]!, words.slice(1), { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...env } });
  const exited = once(child, 'exit');
  const [line] = (await Promise.race([once(createInterface(child.stdout), 'line'), exited.then(() => Promise.reject(new Error('the fixture ended')))])) as [
    string,
  ];
  const { postmaster } = JSON.parse(line) as { postmaster: number };
  return {
    pid: child.pid!,
    postmaster,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/** A folder for PATH with everything that the machine's PATH has but one program. */
async function pathWithout(program: string): Promise<AsyncDisposable & { readonly path: string }> {
  const folder = await temporaryHome();
  for (const source of (process.env['PATH'] ?? '').split(delimiter))
    for (const name of await readdir(source).catch(() => [])) if (name !== program) await symlink(join(source, name), join(folder.path, name)).catch(() => {}); // the first on the path counts
  return folder;
}

async function query(postgres: EmbeddedPostgres, text: string): Promise<unknown[]> {
  const client = new pg.Client(postgres.connection);
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

async function settings(postgres: EmbeddedPostgres, names: readonly string[]): Promise<Record<string, string>> {
  const rows = (await query(postgres, 'SELECT name, setting FROM pg_settings')) as { name: string; setting: string }[];
  return Object.fromEntries(rows.filter(({ name }) => names.includes(name)).map(({ name, setting }) => [name, setting]));
}

async function capabilities(pid: number): Promise<bigint> {
  return BigInt(`0x${/^CapEff:\s*(\w+)$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))![1]}`);
}

async function until(state: () => boolean): Promise<void> {
  while (!state()) await sleep(10);
}
