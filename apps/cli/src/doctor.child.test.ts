import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { openDatabase } from '@switchyard/database';
import { openSimulator } from '@switchyard/simulator';
import { silentLogger, temporaryHome } from '@switchyard/testkit';
import { preparedHome } from '@switchyard/testkit/prepared-home';
import { expect, test } from 'vitest';
import { runCommand, startCommand } from './fixtures/run-command.ts';
import type { Ended, Running } from './fixtures/run-command.ts';

const PATIENCE = { timeout: 180_000 };
const UPSTREAM_KEY = 'sk-test-canary-upstream-not-a-secret';
const DATA_KEY = 'sk-test-canary-data-key-not-a-secret';
const PROMPT = 'canary prompt of a user';

type Env = Readonly<Record<string, string>>;

async function startServer(env: Env): Promise<Running & { readonly address: string }> {
  const running = startCommand(['serve', '--port', '0'], env);
  const line = await running.printed('out', /^ready .*\n/).catch(async (error: unknown) => {
    await running[Symbol.asyncDispose]();
    throw error;
  });
  return { ...running, address: line.slice('ready '.length).trim() };
}

async function stop(server: Running): Promise<void> {
  server.child.kill('SIGTERM');
  await server.ended;
}

interface Found {
  readonly code: number | null;
  readonly ids: readonly string[];
  readonly evidence: string;
}

async function doctor(env: Env, ...more: readonly string[]): Promise<Found> {
  const { code, out, err }: Ended = await runCommand(['doctor', '--json', ...more], env);
  expect(err).not.toContain('A fault of Switchyard itself');
  const { findings } = JSON.parse(out) as { findings: { id: string; evidence: string[] }[] };
  return { code, ids: findings.map(({ id }) => id), evidence: findings.flatMap((finding) => finding.evidence).join('\n') };
}

/** Makes wrong what only a hand in the database can: over the socket of the server that runs in a home. */
async function tamper(home: string, ...statements: readonly string[]): Promise<void> {
  const url = `postgresql:///switchyard?host=${join(home, 'socket')}&user=switchyard`;
  await using database = await openDatabase({ connection: { url }, poolSize: 1, log: silentLogger() });
  for (const statement of statements) await database.pool.query(statement);
}

const CONFLICT = `insert into gateway.binding (digest, kind, account_id, namespace, epoch, state, state_at, misses, bound_at, touched_at)
  values ('\\x0123456789abcdef0123456789abcdef', 1, '', 'key_1', 0, 0, now(), 0, now(), now()), ('\\x1123456789abcdef0123456789abcdef', 1, 'acct_gone', 'key_1', 0, 0, now(), 0, now(), now())`;

test('what is wrong is named by the running server and, with the same words, from its files; and nothing is when nothing is', PATIENCE, async () => {
  await using home = await preparedHome();
  await using upstream = await openSimulator({ mode: 'scriptable' });
  const env = { SWITCHYARD_HOME: home.path, HOME: home.path, ENCRYPTION_KEY: 'the-first-test-key-that-is-not-a-secret-01' };
  {
    await using server = await startServer(env);
    const added = ['accounts', 'add', '--name', 'a1', '--base-url', `${upstream.url}/v1`, '--key-env', 'UPSTREAM_KEY', '--models', 'm'];
    await runCommand(added, { ...env, UPSTREAM_KEY });
    const healthy = await runCommand(['doctor'], env);
    expect(healthy).toMatchObject({ code: 0, out: expect.stringMatching(/^Healthy\nThe running server was asked, 20/) as string, err: '' });
    // Codex finds nothing below an address without `/v1`, and says only that.
    mkdirSync(join(home.path, '.codex'));
    const codexConfig = join(home.path, '.codex', 'config.toml');
    writeFileSync(codexConfig, `[model_providers.switchyard]\nbase_url = "${server.address}"\n`);
    expect(await doctor(env)).toEqual({
      code: 1,
      ids: ['codex_base_url'],
      evidence: `model_providers.switchyard.base_url = "${server.address}" in ${codexConfig}`,
    });
    writeFileSync(codexConfig, `[model_providers.switchyard]\nbase_url = "${server.address}/v1"\n`);
    expect(await doctor(env)).toMatchObject({ code: 0, ids: [] });
    await stop(server);
    expect(await runCommand(['doctor'], env)).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^Healthy\nNo server runs; its files were looked at/) as string,
    });
  }
  // Another key, failures on purpose, a clock that is wrong by ten minutes, and a hand in the database.
  const wrong = {
    ...env,
    ENCRYPTION_KEY: 'another-test-key-that-is-not-a-secret-0002',
    SWITCHYARD_FAULTS_ENABLED: 'true',
    SWITCHYARD_FAULTS_CLOCK_OFFSET_MS: '600000',
  };
  await using server = await startServer(wrong);
  await tamper(home.path, CONFLICT);
  const running = await doctor(wrong);
  expect(running.code).toBe(1);
  for (const id of ['account_unreadable', 'binding_conflicts', 'bindings_to_missing_accounts', 'clock_skew', 'faults_enabled'])
    expect(running.ids).toContain(id);
  expect(running.evidence).toContain('response 0123456789abcdef0123456789abcdef');
  const told = await runCommand(['doctor'], wrong);
  expect(told.out).toMatch(/^\d things to see to\n[^]*\nWRONG {2}account_unreadable\n[^]*What to do: Start the server with the ENCRYPTION_KEY/);
  expect(await runCommand(['sessions', 'forget', '0123456789abcdef0123456789abcdef'], wrong)).toMatchObject({ code: 0 });
  expect((await doctor(wrong)).ids).not.toContain('binding_conflicts');
  await tamper(home.path, "update gateway.binding set account_id = '', state = 0 where digest = '\\x0123456789abcdef0123456789abcdef'");
  // A file that the next start would refuse is named while the server runs on.
  writeFileSync(join(home.path, 'switchyard.toml'), '[server]\nport = "no port"\n', { mode: 0o600 });
  const refused = await doctor(wrong);
  expect(refused.ids).toEqual(['config_refused', ...running.ids]);
  writeFileSync(join(home.path, 'switchyard.toml'), '', { mode: 0o600 });

  await stop(server);
  const stopped = await doctor(wrong);
  expect(stopped.code).toBe(1);
  for (const id of ['account_unreadable', 'binding_conflicts', 'bindings_to_missing_accounts', 'faults_enabled']) expect(stopped.ids).toContain(id);
  writeFileSync(join(home.path, 'switchyard.toml'), '[server]\nport = "no port"\n', { mode: 0o600 });
  expect(await doctor(wrong)).toMatchObject({ code: 1, ids: ['config_refused'] });
});

test('a database that is away is named, by a running server and by one that would not start', PATIENCE, async () => {
  await using keeperHome = await preparedHome();
  await using home = await temporaryHome();
  const keeper = await startServer({ SWITCHYARD_HOME: keeperHome.path, HOME: keeperHome.path });
  const url = `postgresql:///switchyard?host=${join(keeperHome.path, 'socket')}&user=switchyard`;
  const env = { SWITCHYARD_HOME: home.path, HOME: home.path, DATABASE_URL: url };
  await using server = await startServer(env);
  await stop(keeper);
  const running = await doctor(env);
  expect(running).toMatchObject({ code: 1, ids: ['database_away'] });
  await stop(server);
  expect(await doctor(env)).toMatchObject({ code: 1, ids: ['database_away'] });
});

test('where there is nothing to look at it says so, with a code of its own', PATIENCE, async () => {
  await using home = await temporaryHome();
  const env = { SWITCHYARD_HOME: join(home.path, 'none'), HOME: home.path };
  expect(await runCommand(['doctor'], env)).toMatchObject({ code: 2, out: '', err: expect.stringContaining('it has not been started there') as string });
  expect(await runCommand(['doctor', '--runtime'], env)).toMatchObject({ code: 2, out: '', err: expect.stringContaining('No server is running in') as string });
  mkdirSync(join(home.path, 'none'));
  expect(await runCommand(['doctor', '--json'], env)).toMatchObject({ code: 2, out: '', err: expect.stringContaining('"code":"start_refused"') as string });
});

test('a home that has lost its data or its key is not healthy, and stays as it is', PATIENCE, async () => {
  await using home = await temporaryHome();
  const env = { SWITCHYARD_HOME: home.path, HOME: home.path };
  mkdirSync(join(home.path, 'run'));
  writeFileSync(join(home.path, 'admin.token'), 'admin-token-that-is-not-a-secret-0123456789\n', { mode: 0o600 });
  chmodSync(home.path, 0o755);
  const contents = () => [statSync(home.path).mode & 0o777, readdirSync(home.path).toSorted((a, b) => a.localeCompare(b))];
  const before = contents();
  expect(await doctor(env)).toMatchObject({ code: 1, ids: ['database_missing', 'encryption_key_missing'] });
  expect(contents()).toEqual(before);

  const server = await startServer(env);
  await stop(server);
  expect(await doctor(env)).toMatchObject({ code: 0, ids: ['no_accounts'] });
  chmodSync(home.path, 0o755);
  expect(await doctor(env)).toMatchObject({ code: 1, ids: ['home_unsafe', 'no_accounts'] });
  expect(statSync(home.path).mode & 0o777).toBe(0o755);
  rmSync(join(home.path, 'encryption.key'));
  expect(await doctor(env)).toMatchObject({ code: 1, ids: ['encryption_key_missing'] });
  expect(existsSync(join(home.path, 'encryption.key'))).toBe(false);
});

test('a bundle holds what helps and no secret, no prompt and nobody’s address', PATIENCE, async () => {
  await using home = await preparedHome();
  await using upstream = await openSimulator({ mode: 'scriptable' });
  const env = {
    SWITCHYARD_HOME: home.path,
    HOME: home.path,
    SWITCHYARD_BOOTSTRAP_KEY: DATA_KEY,
    ENCRYPTION_KEY: 'canary-encryption-key-that-is-not-a-secret',
    CANARY_HEADER: 'canary-header-value-not-a-secret',
  };
  await using server = await startServer(env);
  const added = [
    'accounts',
    'add',
    '--name',
    'a1',
    '--base-url',
    `${upstream.url}/v1`,
    '--key-env',
    'UPSTREAM_KEY',
    '--models',
    'm',
    '--header',
    'x-team: env:CANARY_HEADER',
  ];
  expect(await runCommand(added, { ...env, UPSTREAM_KEY })).toMatchObject({ code: 0 });
  const answer = await fetch(`${server.address}/v1/responses`, {
    method: 'POST',
    headers: { authorization: `Bearer ${DATA_KEY}`, 'content-type': 'application/json', 'x-request-id': 'canary-of-a-user' },
    body: JSON.stringify({ model: 'm', input: PROMPT }),
  });
  expect(await answer.text()).toContain(PROMPT);
  const id = answer.headers.get('x-switchyard-request-id')!;
  while ((await runCommand(['why', id, '--json'], env)).code !== 0);
  const path = join(home.path, 'bundle.tar.gz');
  const token = readFileSync(join(home.path, 'admin.token'), 'utf8').trim();
  const expectClean = (archive: string): void => {
    for (const secret of [UPSTREAM_KEY, DATA_KEY, env.ENCRYPTION_KEY, env.CANARY_HEADER, token, PROMPT, 'canary', 'client_address'])
      expect(archive).not.toContain(secret);
  };
  const written = await runCommand(['doctor', '--bundle', path], env);
  expect(written).toMatchObject({ code: 0, err: expect.stringContaining(`Wrote ${path}.`) as string });
  const running = gunzipSync(readFileSync(path)).toString();
  for (const name of ['doctor.json', 'config.json', 'requests.jsonl', 'metrics.txt', id, 'switchyard_requests_total', 'server.port'])
    expect(running).toContain(name);
  expectClean(running);
  expect(await runCommand(['doctor', '--bundle', path], env)).toMatchObject({ code: 2, err: expect.stringContaining('already') as string });

  await stop(server);
  const other = join(home.path, 'other.tar.gz');
  expect(await runCommand(['doctor', '--bundle', other], env)).toMatchObject({ code: 0 });
  const stopped = gunzipSync(readFileSync(other)).toString();
  for (const name of ['doctor.json', 'config.json', 'requests.jsonl', id]) expect(stopped).toContain(name);
  expect(stopped).not.toContain('metrics.txt');
  expectClean(stopped);
});
