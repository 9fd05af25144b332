import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryHome } from '@switchyard/testkit';
import { expect, test } from 'vitest';
import { fakeCli } from './fixtures/fake-cli.ts';
import { runCli } from './run-cli.ts';
import { readVersion } from './version.ts';

async function run(argv: readonly string[], options?: Parameters<typeof fakeCli>[0]) {
  const cli = fakeCli(options);
  return { code: await runCli(argv, cli), out: cli.outText(), err: cli.errText() };
}

test('--version prints the version of the product and nothing else', async () => {
  expect(await run(['--version'])).toEqual({ code: 0, out: `${readVersion()}\n`, err: '' });
});

test.each([
  { argv: ['--help'], says: ['accounts', 'keys', 'why', 'logs', 'config', 'simulate', 'serve', 'Examples:', 'Exit codes:'] },
  { argv: ['accounts', '--help'], says: ['add', 'list', 'remove', 'test'] },
  {
    argv: ['accounts', 'add', '--help'],
    says: ['--name', '--kind', '--base-url', '--key-env', '--key-stdin', '--models', '--priority', '--header', 'Examples:'],
  },
  { argv: ['keys', 'create', '--help'], says: ['--name', '--models', '--accounts', '--json'] },
  { argv: ['help', 'keys'], says: ['create', 'list', 'revoke'] },
])('$argv prints help on stdout and ends with 0', async ({ argv, says }) => {
  const { code, out, err } = await run(argv);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  for (const word of says) expect(out).toContain(word);
});

test('the help says how a shell gets the command, and that works in any folder', async () => {
  const { out } = await run(['--help']);
  const alias = /^No `switchyard` in your shell yet\?  (alias switchyard='.*')$/m.exec(out)?.[1];
  const said = execFileSync('bash', ['-c', `shopt -s expand_aliases\n${alias}\nswitchyard --version`], { cwd: '/', encoding: 'utf8' });
  expect(said).toBe(`${readVersion()}\n`);
});

test('without a command the help goes to stderr and the exit code is that of a usage error', async () => {
  const { code, out, err } = await run([]);
  expect({ code, out }).toEqual({ code: 2, out: '' });
  expect(err).toContain('Usage: switchyard');
});

test.each([
  { argv: ['acounts', 'list'], err: "error: Unknown command 'acounts'. (Did you mean accounts?)\n  See: switchyard --help\n" },
  { argv: ['bogus'], err: "error: Unknown command 'bogus'.\n  See: switchyard --help\n" },
  { argv: ['start', '--help'], err: "error: Unknown command 'start'.\n  See: switchyard --help\n" },
  { argv: ['keys', 'ad', '--help'], err: "error: Unknown command 'ad'.\n  See: switchyard keys --help\n" },
  { argv: ['keys', 'creat', '--name', 'x'], err: "error: Unknown command 'creat'. (Did you mean create?)\n  See: switchyard keys --help\n" },
  { argv: ['logs', '--limt', '3'], err: "error: Unknown option '--limt'. (Did you mean --limit?)\n  See: switchyard logs --help\n" },
  { argv: ['why'], err: "error: Missing required argument 'request-id'.\n  See: switchyard why --help\n" },
  { argv: ['keys', 'create'], err: "error: Required option '--name <name>' not specified.\n  See: switchyard keys create --help\n" },
  {
    argv: ['logs', '--limit', '1e2'],
    err: "error: Option '--limit <n>' argument '1e2' is invalid. It must be a whole number from 1 to 500.\n  See: switchyard logs --help\n",
  },
  {
    argv: ['simulate', '--port', '65536'],
    err: "error: Option '--port <number>' argument '65536' is invalid. It must be a whole number from 0 to 65535.\n  See: switchyard simulate --help\n",
  },
  {
    argv: ['accounts', 'add', '--name', 'x', '--kind', 'other'],
    err: "error: Option '--kind <kind>' argument 'other' is invalid. Allowed choices are openai, openai-compatible, chatgpt.\n  See: switchyard accounts add --help\n",
  },
  {
    argv: ['accounts', 'add', '--name', 'x', '--kind', 'openai-compatible'],
    err: 'error: An account of kind openai-compatible needs its address: add --base-url http://HOST:PORT/v1.\n  See: switchyard accounts add --help\n',
  },
])('$argv is refused with 2, what is wrong, and where to look', async ({ argv, err }) => {
  expect(await run(argv)).toEqual({ code: 2, out: '', err });
});

test.each([
  ['--key=sk-test-on-argv-not-a-secret'],
  ['--key', 'sk-test-on-argv-not-a-secret'],
  ['--api-key=sk-test-on-argv-not-a-secret'],
  ['--token=sk-test-on-argv-not-a-secret'],
])('a key written on the command line is not repeated: %s', async (...words) => {
  const { code, err } = await run(['accounts', 'add', '--name', 'x', ...words]);
  expect(code).toBe(2);
  expect(err).not.toContain('not-a-secret');
});

test('with --json an error is one line with the envelope', async () => {
  const { code, out, err } = await run(['keys', 'revoke', '--json']);
  expect({ code, out }).toEqual({ code: 2, out: '' });
  expect(err.trimEnd()).not.toContain('\n');
  expect(JSON.parse(err)).toEqual({
    error: {
      message: "Missing required argument 'name'. See: switchyard keys revoke --help",
      type: 'invalid_request_error',
      param: null,
      code: 'usage',
      retryable: false,
      request_id: null,
    },
  });
});

test('config check says fine with 0, and everything that is wrong with 1', async () => {
  await using home = await temporaryHome();
  const env = { SWITCHYARD_HOME: home.path };
  const fine = await run(['config', 'check'], { env });
  expect(fine.code).toBe(0);
  expect(fine.out).toContain('fine');
  writeFileSync(join(home.path, 'switchyard.toml'), '[server]\nport = 70000\nhots = "x"\n');
  const wrong = await run(['config', 'check'], { env });
  expect(wrong.code).toBe(1);
  expect(wrong.out).toMatch(/switchyard\.toml:2:\d+: server\.port/);
  expect(wrong.out).toMatch(/switchyard\.toml:3:\d+: server\.hots .*server\.host/);
  const json = await run(['config', 'check', '--json'], { env });
  expect(json.code).toBe(1);
  expect(JSON.parse(json.out)).toMatchObject({ ok: false, problems: [{ key: 'server.port' }, { key: 'server.hots' }] });
});

test('config check warns of a pool that names what no server is there to know', async () => {
  await using home = await temporaryHome();
  writeFileSync(join(home.path, 'switchyard.toml'), '[pools.team]\naccounts = ["sandbox", "sandbax"]\n', { mode: 0o600 });
  const env = { SWITCHYARD_HOME: home.path };
  const told = /switchyard\.toml:1:1: the pool team names sandbax, which is not declared here \(.*`switchyard doctor`\); did you mean sandbox\?$/;
  const { code, out } = await run(['config', 'check'], { env });
  expect([code, out.split('\n')]).toEqual([0, [expect.stringMatching(told), expect.stringContaining('fine'), '']]);
  expect(JSON.parse((await run(['config', 'check', '--json'], { env })).out)).toMatchObject({ ok: true, warnings: [expect.stringMatching(told)] });
});

test('config show tells where each value comes from, and of a secret only that it is set', async () => {
  await using home = await temporaryHome();
  const env = { SWITCHYARD_HOME: home.path, SWITCHYARD_PORT: '4711', SWITCHYARD_ADMIN_TOKEN: 'swadm-test-token-not-a-secret' };
  const { code, out } = await run(['config', 'show', '--json'], { env });
  expect(code).toBe(0);
  expect(out).not.toContain('not-a-secret');
  expect(out.trimEnd()).not.toContain('\n');
  expect(JSON.parse(out)).toMatchObject({ settings: { 'server.port': { value: 4711, origin: 'SWITCHYARD_PORT' }, 'server.host': { origin: 'default' } } });
});

test('settings that a start would refuse are refused by every command, whole and without a stack', async () => {
  await using home = await temporaryHome();
  const { code, out, err } = await run(['accounts', 'list'], { env: { SWITCHYARD_HOME: home.path, SWITCHYARD_PORT: 'many' } });
  expect({ code, out }).toEqual({ code: 1, out: '' });
  expect(err).toMatch(/^error: the configuration was refused:\n {2}SWITCHYARD_PORT: server\.port /);
  expect(err).not.toContain('    at ');
});

test.each([
  { script: null, says: /^error: The script .*script\.json cannot be read \(ENOENT\)\.\n/ },
  { script: '{"rules": [}', says: /^error: The script .*script\.json is not JSON: / },
  { script: '{"rules":[{"answer":{"status":99}}]}', says: /^error: Script: rules\[0\]\.answer\.status: expected a whole number from 200 to 599, got 99\./ },
])('simulate refuses a script that it cannot play: $script', async ({ script, says }) => {
  await using home = await temporaryHome();
  const path = join(home.path, 'script.json');
  if (script !== null) writeFileSync(path, script);
  const { code, err } = await run(['simulate', '--script', path]);
  expect(code).toBe(1);
  expect(err).toMatch(says);
});

test('simulate on a busy port says so', async () => {
  const cli = fakeCli();
  const { promise: ready, resolve } = Promise.withResolvers<string>();
  const first = runCli(['simulate'], { ...cli, out: { write: (text: string) => resolve(text) } });
  const port = /:(\d+)\n/.exec(await ready)?.[1];
  const second = await run(['simulate', '--port', port!]);
  expect(second).toEqual({
    code: 1,
    out: '',
    err: `error: Port ${port} on 127.0.0.1 is in use by another program.\n  Choose another with --port, or 0 for a free one.\n`,
  });
  cli.signals.emit('SIGTERM');
  expect(await first).toBe(0);
});
