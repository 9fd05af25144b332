import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openSimulator } from '@switchyard/simulator';
import type { Simulator } from '@switchyard/simulator';
import { preparedHome } from '@switchyard/testkit/prepared-home';
import { temporaryHome } from '@switchyard/testkit/temporary-home';
import { expect, test } from 'vitest';
import { runCommand, startCommand } from './fixtures/run-command.ts';
import type { Running } from './fixtures/run-command.ts';

const UPSTREAM_KEY = 'sk-test-upstream-not-a-secret';

/** A server of this home; ready when this returns. */
async function startServer(env: Readonly<Record<string, string>>): Promise<Running & { readonly address: string }> {
  const running = startCommand(['serve', '--port', '0'], env);
  const line = await running.printed('out', /^ready .*\n/).catch(async (error: unknown) => {
    await running[Symbol.asyncDispose]();
    throw error;
  });
  return { ...running, address: line.slice('ready '.length).trim() };
}

async function stopServer(server: Running): Promise<void> {
  server.child.kill('SIGTERM');
  expect(await server.ended).toMatchObject({ code: 0, signal: null });
}

function addSimulator(name: string, simulator: Simulator, ...more: readonly string[]): readonly string[] {
  return ['accounts', 'add', '--name', name, '--kind', 'openai', '--base-url', `${simulator.url}/v1`, '--key-env', 'UPSTREAM_KEY', ...more];
}

function chat(address: string, key: string, model: string): Promise<Response> {
  return fetch(`${address}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'hello' }] }),
  });
}

/** Parses the only thing that a command printed. */
function said<T>({ code, out, err }: { code: number | null; out: string; err: string }): T {
  expect({ code, err }).toEqual({ code: 0, err: expect.not.stringContaining('error') as string });
  expect(out.trimEnd()).not.toContain('\n');
  return JSON.parse(out) as T;
}

interface Made {
  readonly id: string;
  readonly key: string;
}

test('accounts and keys are managed with the server stopped, and again while it runs', { timeout: 180_000 }, async () => {
  await using home = await preparedHome();
  await using simulator = await openSimulator({ mode: 'scriptable' });
  simulator.script({ models: ['alpha', 'beta'], keys: { a: UPSTREAM_KEY } });
  const env = { SWITCHYARD_HOME: home.path, HOME: home.path };
  const withKey = { ...env, UPSTREAM_KEY };

  // Stopped. The list of models proves that the upstream was asked with the key.
  const added = await runCommand(addSimulator('a1', simulator), withKey);
  expect(added).toMatchObject({ code: 0, out: expect.stringContaining('2 models: alpha, beta') as string });
  const first = said<Made>(await runCommand(['keys', 'create', '--name', 'first', '--json'], env));
  expect(first).toMatchObject({ id: expect.stringMatching(/^key_/) as string, key: expect.stringMatching(/^sk-/) as string, name: 'first' });
  const listed = said<{ data: unknown[] }>(await runCommand(['accounts', 'list', '--json'], env));
  expect(listed.data).toEqual([expect.objectContaining({ name: 'a1', models: ['alpha', 'beta'], has_credential: true, state: null })]);
  expect(await runCommand(['quota'], env)).toMatchObject({ code: 0, out: expect.stringMatching(/^a1 +no limit known/m) as string });
  expect(await runCommand(['accounts', 'test', 'a1'], env)).toMatchObject({ code: 0, out: expect.stringContaining('2 models: alpha, beta') as string });
  expect(await runCommand(['quota', 'lift', 'nobody'], env)).toMatchObject({ code: 1, err: expect.stringContaining('no account "nobody"') as string });

  // Running: what was stored above serves, though the server never saw the variable.
  await using server = await startServer(env);
  const answered = await chat(server.address, first.key, 'alpha');
  expect(answered.status).toBe(200);
  await answered.text();
  expect(simulator.received({ full: true }).at(-1)).toMatchObject({ path: '/v1/chat/completions', headers: { authorization: `Bearer ${UPSTREAM_KEY}` } });

  await runCommand(addSimulator('a2', simulator, '--models', 'gamma', '--priority', '5'), withKey);
  const second = said<Made>(await runCommand(['keys', 'create', '--name', 'second', '--accounts', 'a2', '--json'], env));
  expect((await chat(server.address, second.key, 'gamma')).status).not.toBe(401);
  expect(await runCommand(addSimulator('a2', simulator), withKey)).toMatchObject({
    code: 1,
    err: expect.stringContaining('There is an account named "a2" already.') as string,
  });
  const running = said<{ data: unknown[] }>(await runCommand(['accounts', 'list', '--json'], env));
  expect(running.data).toContainEqual(expect.objectContaining({ name: 'a1', state: 'ready', in_flight: 0 }));

  expect(said<{ data: unknown[] }>(await runCommand(['quota', '--json'], env)).data).toContainEqual(expect.objectContaining({ account: 'a1', source: null }));
  await using watching = startCommand(['quota', '--watch'], env);
  await watching.printed('out', /^a1 +no limit known.*\n[^]*^default +no forecast.*\n/m);
  watching.child.kill('SIGINT');
  expect(await watching.ended).toMatchObject({ code: 0, signal: null });

  expect(await runCommand(['quota', 'lift', 'a1'], env)).toMatchObject({ code: 0, out: expect.stringContaining('a1 counts as having quota') as string });
  expect(said(await runCommand(['quota', 'lift', 'a1', '--json'], env))).toMatchObject({ account: 'a1', blocked_until: null });

  const unserved = await runCommand(['keys', 'create', '--name', 'third', '--models', 'gamma,nosuchmodel,sandbox', '--json'], env);
  expect(said<Made>(unserved)).toHaveProperty('key');
  expect(unserved.err).toMatch(/^warning: no account serves nosuchmodel now; .*\n$/);
  const taken = await runCommand(['keys', 'create', '--name', 'second'], env);
  expect(taken).toMatchObject({ code: 1, err: expect.stringContaining('`switchyard keys revoke NAME`') as string });
  const revoked = await runCommand(['keys', 'revoke', 'second'], env);
  expect(revoked).toMatchObject({ code: 0, out: expect.stringContaining('Revoked') as string });
  expect((await chat(server.address, second.key, 'gamma')).status).toBe(401);
  expect((await chat(server.address, first.key, 'alpha')).status).toBe(200);
  expect((await runCommand(['keys', 'list'], env)).out).toMatch(/second .*a2 .*revoked/);
  const again = await runCommand(['keys', 'revoke', 'second'], env); // the name of no live key any more
  expect(again).toMatchObject({ code: 1, err: 'error: There is no key "second".\n  See `switchyard keys list` for what there is.\n' });
  expect(await runCommand(['keys', 'revoke', second.id], env)).toMatchObject({ code: 0 });

  expect(await runCommand(['accounts', 'remove', 'a1'], env)).toMatchObject({ code: 0 });
  expect((await chat(server.address, first.key, 'alpha')).status).toBe(404);

  await stopServer(server);
  const { out, err } = await server.ended;
  expect(out).toBe(`ready ${server.address}\n`);
  for (const secret of [UPSTREAM_KEY, first.key, second.key]) expect(err).not.toContain(secret);
});

test('why tells each attempt, the same from the running server and from its files', { timeout: 180_000 }, async () => {
  await using home = await preparedHome();
  await using simulator = await openSimulator({ mode: 'scriptable' });
  simulator.script({ rules: [{ match: { path: '/v1/chat/completions' }, answer: { preset: 'usage_limit_reached' } }], models: ['alpha'] });
  const env = { SWITCHYARD_HOME: home.path, HOME: home.path, UPSTREAM_KEY, SWITCHYARD_BOOTSTRAP_KEY: 'sk-test-bootstrap-not-a-secret' };
  await using server = await startServer(env);
  await runCommand(addSimulator('a1', simulator, '--priority', '1'), env);
  await runCommand(addSimulator('a2', simulator, '--priority', '2'), env);
  const answer = await chat(server.address, env.SWITCHYARD_BOOTSTRAP_KEY, 'alpha');
  expect(answer.status).toBe(200);
  await answer.text();
  const id = answer.headers.get('x-switchyard-request-id')!;

  // Written behind: asked for until its end has been written.
  let report = '';
  do report = (await runCommand(['why', id], env)).out;
  while (!report.includes('It was answered whole'));
  expect(report).toContain(`Request ${id}\n`);
  expect(report).toMatch(
    /1\. a1, .*\n.*Chosen before one other by priority.*\n.*In the order of choice\.\n.* a1: priority 1.*\n.* a2: priority 2.*\n.*Answered 429 \(usage_limit_reached\): the account is out of quota; another account was looked for/,
  );
  expect(report).toMatch(/2\. a2, .*\n.*\n.*\n.* a2: .*\n.* a1: tried before.*\n.*1 tried before.*\n.*Answered 200; this answer went to the client/);
  const json = said<{ decision: { attempts: unknown[] } }>(await runCommand(['why', id, '--json'], env));
  expect(json.decision.attempts).toMatchObject([
    { account: 'a1', status: 429, verdict: 'next_account', backoff: 'quota' },
    { account: 'a2', status: 200, verdict: 'relayed', backoff: null },
  ]);
  const page = said<{ data: unknown[]; has_more: boolean }>(await runCommand(['logs', '--limit', '1', '--json'], env));
  expect(page).toMatchObject({ data: [{ id, outcome: 'completed' }], has_more: false });
  expect((await runCommand(['logs'], env)).out).toMatch(new RegExp(`${id}  chat\\.completions  alpha  a2 .* completed`));
  const unknown = await runCommand(['why', 'req_0', '--json'], env);
  expect(unknown).toMatchObject({ code: 1, out: '' });
  expect(JSON.parse(unknown.err)).toMatchObject({ error: { code: 'not_found' } });

  await stopServer(server);
  expect((await runCommand(['why', id], env)).out).toBe(report);
  expect(said(await runCommand(['why', id, '--json'], env))).toEqual(json);
});

test('two commands at once on a stopped server wait for each other', { timeout: 120_000 }, async () => {
  await using home = await temporaryHome();
  const env = { SWITCHYARD_HOME: home.path, HOME: home.path };
  const made = await Promise.all(['one', 'two'].map((name) => runCommand(['keys', 'create', '--name', name, '--json'], env)));
  for (const each of made) expect(said(each)).toHaveProperty('key');
  const { data } = said<{ data: { name: string }[] }>(await runCommand(['keys', 'list', '--json'], env));
  expect(data.map(({ name }) => name).toSorted()).toEqual(['one', 'two']);
});

test('a server that starts while a command has the home waits for it, and says so', { timeout: 120_000 }, async () => {
  await using home = await preparedHome();
  await using simulator = await openSimulator({ mode: 'scriptable' });
  simulator.script({ models: ['alpha'], rules: [{ match: { path: '/v1/models' }, answer: { hold: { at: 'before_head', gate: 'open' } } }] });
  const env = { SWITCHYARD_HOME: home.path, HOME: home.path, UPSTREAM_KEY };
  await using command = startCommand(addSimulator('a1', simulator), env);
  await simulator.until(({ open }) => open === 1);
  await using server = startCommand(['serve', '--port', '0'], env);
  expect(await server.printed('err', /home_awaited/)).toContain(`"pid":${command.child.pid}`);
  simulator.release('open');
  expect(await command.ended).toMatchObject({ code: 0 });
  expect(await server.printed('out', /\n/)).toMatch(/^ready /);
  await stopServer(server);
});

test('a command that is interrupted leaves nothing done and the home free', { timeout: 120_000 }, async () => {
  await using home = await preparedHome();
  await using simulator = await openSimulator({ mode: 'scriptable' });
  simulator.script({ rules: [{ match: { path: '/v1/models' }, answer: { hold: { at: 'before_head', gate: 'shut' } } }] });
  const env = { SWITCHYARD_HOME: home.path, HOME: home.path, UPSTREAM_KEY };
  await using command = startCommand(addSimulator('a1', simulator), env);
  await simulator.until(({ open }) => open === 1);
  command.child.kill('SIGTERM');
  expect(await command.ended).toMatchObject({ signal: 'SIGTERM', out: '' });
  const next = await runCommand(['accounts', 'list'], env);
  expect(next).toMatchObject({ code: 0, out: 'There are no accounts yet. Add one: switchyard accounts add --help\n' });
});

test('a server that dies in the middle of a command is told in plain words', { timeout: 120_000 }, async () => {
  await using home = await preparedHome();
  await using simulator = await openSimulator({ mode: 'scriptable' });
  simulator.script({ rules: [{ match: { path: '/v1/models' }, answer: { hold: { at: 'before_head', gate: 'shut' } } }] });
  const env = { SWITCHYARD_HOME: home.path, HOME: home.path, UPSTREAM_KEY };
  await using server = await startServer(env);
  await using command = startCommand(addSimulator('a1', simulator), env);
  await simulator.until(({ open }) => open === 1);
  server.child.kill('SIGKILL');
  const { code, err } = await command.ended;
  expect(code).toBe(1);
  expect(err).toContain(`error: The server at ${server.address} was running a moment ago`);
  expect(err).not.toContain('    at ');
  await server.ended;
  // The dead server's file and database do not mislead the next command, which also ends the database it left.
  expect(existsSync(join(home.path, 'run', 'server.json'))).toBe(true);
  expect(await runCommand(['keys', 'list', '--json'], env)).toMatchObject({ code: 0 });
});

test('a shell that knows another admin token is told so', { timeout: 120_000 }, async () => {
  await using home = await preparedHome();
  const env = { SWITCHYARD_HOME: home.path, HOME: home.path };
  await using server = await startServer(env);
  const token = readFileSync(join(home.path, 'admin.token'), 'utf8').trim();
  const other = await runCommand(['keys', 'list'], { ...env, SWITCHYARD_ADMIN_TOKEN: 'swadm-test-other-not-a-secret' });
  expect(other).toMatchObject({ code: 1, out: '', err: expect.stringContaining('set SWITCHYARD_ADMIN_TOKEN') as string });
  expect(await runCommand(['keys', 'list'], { ...env, SWITCHYARD_ADMIN_TOKEN: token })).toMatchObject({ code: 0 });
  await stopServer(server);
});

test('the port that is used only beyond loopback may be the gateway’s own here, and there the clash is said of what was set', async () => {
  const env = { HOME: '/nonexistent', SWITCHYARD_HOME: '/nonexistent', SWITCHYARD_PORT: '4701' };
  expect(await runCommand(['config', 'check'], env)).toMatchObject({ code: 0 });
  const { code, out } = await runCommand(['config', 'check'], { ...env, SWITCHYARD_HOST: '0.0.0.0' });
  expect({ code, out }).toEqual({
    code: 1,
    out: 'SWITCHYARD_PORT: server.port is the port of admin.listen (our own API); choose another, or 0 for a free one\n',
  });
});

test('a secret that only the shell of the server has is missed by no command that speaks to it', { timeout: 120_000 }, async () => {
  await using home = await preparedHome();
  const env = { SWITCHYARD_HOME: home.path, HOME: home.path };
  const account = '[[accounts]]\nname = "work"\nkind = "openai"\napi_key = "env:WORK_KEY"\nmodels = ["alpha"]\n';
  writeFileSync(join(home.path, 'switchyard.toml'), account, { mode: 0o600 });
  await using server = await startServer({ ...env, WORK_KEY: UPSTREAM_KEY });
  expect(said(await runCommand(['accounts', 'list', '--json'], env))).toMatchObject({
    data: expect.arrayContaining([expect.objectContaining({ name: 'work' })]) as unknown,
  });
  for (const argv of [['logs'], ['keys', 'list']]) expect(await runCommand(argv, env)).toMatchObject({ code: 0, err: '' });
  expect(said(await runCommand(['config', 'show', '--json'], env))).toMatchObject({ accounts: [{ name: 'work', api_key: 'not set here' }] });
  const shown = await runCommand(['config', 'show'], env);
  expect(shown.out).toMatch(/^not set here: .*switchyard\.toml:4:\d+: accounts\[0\]\.api_key refers to the environment variable WORK_KEY/m);
  await stopServer(server);
  // What would start a server is told still.
  expect(await runCommand(['config', 'check'], env)).toMatchObject({
    code: 1,
    out: expect.stringMatching(/set and export it, or take the account out\n$/) as string,
  });
});

test('a reader that leaves early is no fault', async () => {
  await using command = startCommand(['config', 'show'], { HOME: '/nonexistent', SWITCHYARD_HOME: '/nonexistent' });
  command.child.stdout!.destroy();
  expect(await command.ended).toMatchObject({ code: 0, err: '' });
});

test('as a script of npm, which runs in the clone, it takes paths as they are meant where it was called', async () => {
  await using folder = await temporaryHome();
  writeFileSync(join(folder.path, 'script.json'), '{"rules":7}');
  const called = { INIT_CWD: folder.path, npm_lifecycle_event: 'switchyard' };
  expect((await runCommand(['simulate', '--script', 'script.json'], called)).err).toContain('rules');
  expect((await runCommand(['simulate', '--script', 'script.json'], {})).err).toContain('ENOENT');
});

test.skipIf(process.platform !== 'linux').each([[['serve', '--port', '0']], [['keys', 'list']]])(
  'a home that cannot be made is refused in one sentence: %j',
  async (argv) => {
    const home = '/proc/switchyard';
    const { code, out, err } = await runCommand(argv, { HOME: '/nonexistent', SWITCHYARD_HOME: home });
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(/^error: The folder \/proc\/switchyard cannot be made or written \(ENOENT\)\. Set SWITCHYARD_HOME to .*\n$/);
  },
);

test('simulate and serve print one ready line, and end with 0 when told to', { timeout: 60_000 }, async () => {
  await using simulator = startCommand(['simulate', '--port', '0'], {});
  const line = await simulator.printed('out', /\n/);
  expect(line).toMatch(/^ready http:\/\/127\.0\.0\.1:\d+\n$/);
  expect((await fetch(`${line.slice('ready '.length).trim()}/v1/models`)).status).toBe(200);
  simulator.child.kill('SIGINT');
  expect(await simulator.ended).toMatchObject({ code: 0, out: line, err: '' });
});

test('sessions are counted, looked up and ended, by the running server and from its files', { timeout: 180_000 }, async () => {
  await using home = await preparedHome();
  const env = { SWITCHYARD_HOME: home.path, HOME: home.path, SWITCHYARD_BOOTSTRAP_KEY: 'sk-test-bootstrap-not-a-secret' };
  await using server = await startServer(env);
  const turn = async (session: string): Promise<string> => {
    const answer = await fetch(`${server.address}/v1/responses`, {
      method: 'POST',
      headers: { authorization: `Bearer ${env.SWITCHYARD_BOOTSTRAP_KEY}`, 'content-type': 'application/json', 'thread-id': session },
      body: JSON.stringify({ model: 'sandbox', input: 'hello' }),
    });
    return ((await answer.json()) as { id: string }).id;
  };
  const [first, second] = [await turn('thread-1'), await turn('thread-2')];
  const counted = await runCommand(['sessions'], env);
  expect(counted).toMatchObject({ code: 0, out: expect.stringMatching(/^WHAT +KNOWN[^]*^responses +2 +16 384 [^]*^sessions +2 /m) as string });
  const found = await runCommand(['sessions', '--id', first], env);
  expect(found).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^ {2}response [0-9a-f]{32}, sandbox, of the key "first": bound; last used 20/) as string,
  });
  const ended = await runCommand(['sessions', 'forget', first], env);
  expect(ended).toMatchObject({ code: 0, out: expect.stringMatching(/^Ended\.[^]*response [0-9a-f]{32}, sandbox/) as string });
  expect(await runCommand(['sessions', 'forget', first], env)).toMatchObject({
    code: 1,
    err: expect.stringMatching(/^error: Nothing is bound by the id "resp_[^]*switchyard sessions/) as string,
  });

  await stopServer(server);
  expect(await runCommand(['sessions', '--id', first], env)).toMatchObject({ code: 0, out: expect.stringContaining('given up; it may go anywhere') as string });
  const byThread = said<{ found: unknown[] }>(await runCommand(['sessions', '--id', 'thread-2', '--json'], env));
  expect(byThread.found).toMatchObject([{ kind: 'session', account: 'sandbox', key: 'first' }]);
  const gone = said<{ data: unknown[] }>(await runCommand(['sessions', 'forget', second, '--json'], env));
  expect(gone.data).toMatchObject([{ kind: 'response' }]);
  expect(await runCommand(['sessions', '--id', 'resp_none'], env)).toMatchObject({ code: 1, err: expect.stringContaining('Nothing is bound') as string });
});
