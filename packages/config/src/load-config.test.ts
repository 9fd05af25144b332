import fc from 'fast-check';
import { expect, test } from 'vitest';

import { ConfigError } from './config-error.ts';
import type { ConfigProblem } from './config-error.ts';
import { loadConfig } from './load-config.ts';
import type { ConfigSource, LoadedConfig } from './load-config.ts';
import { originText } from './origin.ts';
import { SETTING_KEYS, envName, settingOf } from './settings.ts';
import { checkConfig, showConfig } from './show-config.ts';

const FILE = '/home/me/.switchyard/switchyard.toml';

/** A source without a machine below it: files are the map, the mode of each is 0600 unless said. */
function source(parts: {
  env?: Record<string, string>;
  flags?: Record<string, string>;
  toml?: string;
  files?: Record<string, string>;
  mode?: number;
}): ConfigSource {
  const files: Record<string, string> = { ...parts.files, ...(parts.toml === undefined ? {} : { [FILE]: parts.toml }) };
  return {
    env: parts.env ?? {},
    flags: parts.flags ?? {},
    cwd: '/srv/me',
    userHome: '/home/me',
    readFile: (path) => {
      const text = files[path];
      if (text === undefined) throw Object.assign(new Error(`no ${path}`), { code: 'ENOENT' });
      return text;
    },
    fileMode: () => parts.mode ?? 0o600,
  };
}

const load = (parts: Parameters<typeof source>[0]): LoadedConfig => loadConfig(source(parts));

function problems(parts: Parameters<typeof source>[0]): readonly ConfigProblem[] {
  try {
    load(parts);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

test('with nothing said every setting has its default, and says so', () => {
  const { config, origins, warnings, file } = load({});
  expect(config['server.host']).toBe('127.0.0.1');
  expect(config['server.port']).toBe(4_700);
  expect(config['limits.body_bytes']).toBe(64 * 2 ** 20);
  expect(config.home).toBe('/home/me/.switchyard');
  expect(config.accounts).toEqual([]);
  expect(new Set(Object.values(origins).map(originText))).toEqual(new Set(['default']));
  expect([warnings, file]).toEqual([[], null]);
});

test('the command line goes before the environment, that before the file, that before the default', () => {
  const toml = '[server]\nport = 3\nhost = "::1"\ndrain_timeout_secs = 30\n';
  const env = { SWITCHYARD_PORT: '2', SWITCHYARD_HOST: '0.0.0.0' };
  const { config, origins } = load({ flags: { 'server.port': '1' }, env, toml });
  expect([config['server.port'], originText(origins['server.port'])]).toEqual([1, 'command line']);
  expect([config['server.host'], originText(origins['server.host'])]).toEqual(['0.0.0.0', 'SWITCHYARD_HOST']);
  expect([config['server.drain_timeout_secs'], originText(origins['server.drain_timeout_secs'])]).toEqual([30, `${FILE}:4:1`]);
});

test.each(SETTING_KEYS)('%s is read from its variable, from the command line and (unless it is about the file) from the file', (key) => {
  const samples: Record<string, [text: string, toml: string]> = {
    'server.host': ['::1', '"::1"'],
    'server.trusted_proxies': ['10.0.0.0/8', '["10.0.0.0/8"]'],
    'server.cors': ['permissive', '"permissive"'],
    'server.cors_origins': ['https://a.example', '["https://a.example"]'],
    'admin.listen': ['127.0.0.1:9', '"127.0.0.1:9"'],
    'admission.responses_percent': ['60', '60'],
    'admission.websocket_percent': ['60', '60'],
    'database.url': ['postgres://h/d', '"postgres://h/d"'],
    'choice.strategy': ['round_robin', '"round_robin"'],
    'log.level': ['error', '"error"'],
    config: [FILE, ''],
    home: ['/home/me/.switchyard', ''],
  };
  const { type, outsideFile, default: fallback } = settingOf(key);
  const sample =
    samples[key] ??
    (typeof fallback === 'boolean'
      ? [String(!fallback), String(!fallback)]
      : typeof fallback === 'number'
        ? numberSample(fallback)
        : ['test-value-not-a-secret-0123456789', '"test-value-not-a-secret-0123456789"']);
  const expected = type.fromText(sample[0]);
  expect(load({ env: { [envName(key)]: sample[0] }, toml: '' }).config[key]).toEqual(expected);
  expect(load({ flags: { [key]: sample[0] }, toml: '' }).config[key]).toEqual(expected);
  const toml = `${key} = ${sample[1]}\n`;
  if (outsideFile) expect(problems({ toml: `${key} = "x"\n` })[0]?.problem).toContain(`set ${envName(key)}`);
  else expect(load({ toml }).config[key]).toEqual(expected);
});

function numberSample(fallback: number): [string, string] {
  const other = String(fallback === 0 ? 7 : Math.ceil(fallback * 1.5));
  return [other, other];
}

test('no two settings share a variable, and every variable is upper case', () => {
  const names = SETTING_KEYS.flatMap((key) => [envName(key), ...(settingOf(key).aliases ?? []).map((alias) => alias.env)]);
  expect(new Set(names).size).toBe(names.length);
  for (const name of names) expect(name).toMatch(/^[A-Z][A-Z0-9_]+$/);
});

test.each([
  ['PORT', '9', 'server.port', 9],
  ['PROXY_HOST', '0.0.0.0', 'server.host', '0.0.0.0'],
  ['ALLOW_LAN_ACCESS', 'true', 'server.host', '0.0.0.0'],
  ['ALLOW_LAN_ACCESS', 'false', 'server.host', '127.0.0.1'],
  ['DATA_DIR', '/data', 'home', '/data'],
  ['PROXY_TIMEOUT_MS', '300000', 'upstream.request_timeout_ms', 300_000],
  ['PROXY_STREAM_IDLE_TIMEOUT_MS', '60000', 'upstream.idle_timeout_ms', 60_000],
  ['MAX_BODY_SIZE', '1048576', 'limits.body_bytes', 1_048_576],
  ['PROXY_TRUST_PROXY', 'loopback', 'server.trusted_proxies', ['127.0.0.0/8', '::1/128']],
  ['PROXY_API_KEY', 'a-test-key-not-a-secret', 'gateway.bootstrap_key', 'a-test-key-not-a-secret'],
  ['WEB_PASSWORD', 'a-test-token-not-a-secret', 'admin.token', 'a-test-token-not-a-secret'],
  ['PROXY_PROTECT_MODELS', 'false', 'gateway.protect_models', false],
  ['METRICS_ALLOW_LOOPBACK', 'true', 'metrics.allow_loopback', true],
  ['SHUTDOWN_DRAIN_TIMEOUT_SECS', '600', 'server.drain_timeout_secs', 600],
] as const)("a seed's name %s=%s sets %s", (name, text, key, value) => {
  const { config, origins } = load({ env: { [name]: text } });
  expect(config[key]).toEqual(value);
  expect(originText(origins[key])).toBe(name);
});

test('where two names of one setting disagree its own wins, and the other is said to have no effect', () => {
  const { config, warnings } = load({ env: { SWITCHYARD_PORT: '1', PORT: '2' } });
  expect(config['server.port']).toBe(1);
  expect(warnings).toEqual(['PORT is not used, because SWITCHYARD_PORT sets server.port too; remove one of them']);
  expect(load({ env: { SWITCHYARD_PORT: '1', PORT: '1' } }).warnings).toEqual([]);
});

test('an empty variable counts as not set', () => {
  const { config, origins } = load({ env: { SWITCHYARD_PORT: '', DATABASE_URL: '' } });
  expect([config['server.port'], config['database.url'], origins['server.port'].kind]).toEqual([4_700, '', 'default']);
});

test('an unknown variable of ours is a warning with a suggestion; those of tools are not', () => {
  const { warnings } = load({ env: { SWITCHYARD_PROT: '1', SWITCHYARD_SKIP_CODEX: '1', SOMETHING_ELSE: '1' } });
  expect(warnings).toEqual(['the environment variable SWITCHYARD_PROT is not a setting and has no effect; did you mean SWITCHYARD_PORT?']);
});

test('paths start at the working folder, and ~ is the home of the user', () => {
  expect(load({ env: { SWITCHYARD_HOME: 'state' } }).config.home).toBe('/srv/me/state');
  expect(load({ env: { SWITCHYARD_HOME: '~/state' } }).config.home).toBe('/home/me/state');
});

test('a file named by SWITCHYARD_CONFIG is read instead, and must exist', () => {
  const named = load({ env: { SWITCHYARD_CONFIG: 'other.toml' }, files: { '/srv/me/other.toml': 'server.port = 5' } });
  expect([named.config['server.port'], named.file]).toEqual([5, '/srv/me/other.toml']);
  expect(problems({ env: { SWITCHYARD_CONFIG: 'gone.toml' } })).toEqual([
    { key: 'config', place: 'SWITCHYARD_CONFIG', problem: 'names /srv/me/gone.toml, which does not exist; make it, or take the setting away' },
  ]);
});

test('.env is read in development only, below the real environment', () => {
  const files = { '/srv/me/.env': 'SWITCHYARD_PORT=1\nSWITCHYARD_HOST="0.0.0.0"\n' };
  const { config, origins } = load({ env: { NODE_ENV: 'development', SWITCHYARD_PORT: '2' }, files });
  expect([config['server.port'], config['server.host'], originText(origins['server.host'])]).toEqual([2, '0.0.0.0', 'SWITCHYARD_HOST in .env']);
  expect(load({ env: { NODE_ENV: 'production' }, files }).config['server.host']).toBe('127.0.0.1');
});

test('a secret may be named by variable or file, relative to where it is said', () => {
  const env = { DB: 'postgres://h/one' };
  const files = { '/home/me/.switchyard/key.txt': 'a-test-key-not-a-secret\n', '/srv/me/token': 'a-test-token-not-a-secret' };
  const { config } = load({
    env: { ...env, SWITCHYARD_ADMIN_TOKEN: 'file:token' },
    toml: 'database.url = "env:DB"\ngateway.bootstrap_key = "file:key.txt"\n',
    files,
  });
  expect([config['database.url'], config['gateway.bootstrap_key'], config['admin.token']]).toEqual([
    'postgres://h/one',
    'a-test-key-not-a-secret',
    'a-test-token-not-a-secret',
  ]);
});

test.each([
  ['server.port = 70000', 'server.port', 1, 'whole number from 0 to 65535'],
  ['server.port = "4700"', 'server.port', 1, 'without quotes'],
  ['[server]\nhots = "a"', 'server.hots', 2, 'did you mean server.host?'],
  ['[servr]\nport = 1', 'servr', 1, 'did you mean server?'],
  ['server = 5', 'server', 1, 'write [server]'],
  ['server = 1979-05-27', 'server', 1, 'write [server]'],
  ['[[server]]\nport = 1', 'server', 1, 'write [server]'],
  ['[server.port]\nx = 1', 'server.port', 1, 'whole number'],
  ['\n\nport = 4700', 'port', 3, 'is not a setting'],
  ['home = "/x"', 'home', 1, 'SWITCHYARD_HOME'],
  ['[server]\nport = = 1', 'switchyard.toml', 2, 'is not TOML there'],
  ['[server]\nport = 1\nport = 2', 'switchyard.toml', 3, 'is not TOML there'],
  ['__proto__ = 1', 'switchyard.toml', 1, 'is not TOML there'],
  ['database.url = "env:NOPE"', 'database.url', 1, 'environment variable NOPE, which is not set here; set and export it, or take the line out'],
  ['database.url = "env:not a name"', 'database.url', 1, 'must name an environment variable'],
  ['database.url = "file:gone"', 'database.url', 1, '/home/me/.switchyard/gone, which cannot be read'],
  ['gateway.bootstrap_key = "short"', 'gateway.bootstrap_key', 1, '20 to 200 visible ASCII'],
  ['limits.body_bytes = "1GiB"', 'limits.body_memory_bytes', 0, 'is below limits.body_bytes'],
  ['admin.listen = "10.0.0.1:4700"\nserver.host = "10.0.0.1"', 'admin.listen', 1, 'port of the gateway itself'],
  ['server = { host = "0.0.0.0", port = 4701 }', 'server.port', 1, 'port of admin.listen'],
  ['accounts = 1', 'accounts', 1, '[[accounts]]'],
  ['[accounts]\nname = "x"', 'accounts', 1, '[[accounts]]'],
])('the file %j is refused at %s', (toml, key, line, says) => {
  const found = problems({ toml });
  expect(found).toHaveLength(1);
  expect(found[0]).toMatchObject({ key, problem: expect.stringContaining(says) });
  expect(found[0]!.place).toMatch(line === 0 ? /^default$/ : new RegExp(`^${FILE}:${line}:\\d+$`));
});

test('a wrong value that something overrides is refused too', () => {
  expect(problems({ toml: 'server.port = "x"', env: { SWITCHYARD_PORT: '1' } })).toHaveLength(1);
});

test('everything that is wrong is said at once, wherever it is', () => {
  const found = problems({
    flags: { 'server.port': 'x', 'server.prot': '1' },
    env: { LOG_LEVEL: 'loud', DATABASE_URL: 'mysql://x' },
    toml: '[server]\nhost = 1\nfoo = 2\n',
  });
  expect(found.map(({ key, place }) => `${place} ${key}`).sort()).toEqual([
    `${FILE}:2:1 server.host`,
    `${FILE}:3:1 server.foo`,
    'DATABASE_URL database.url',
    'LOG_LEVEL log.level',
    'command line server.port',
    'command line server.prot',
  ]);
});

test('a plain secret in a file that others can read is a warning; a reference is not', () => {
  const plain = '[[accounts]]\nname = "a"\nkind = "openai"\napi_key = "sk-test-not-a-secret"\n';
  expect(load({ toml: plain, mode: 0o644 }).warnings).toEqual([expect.stringContaining(`chmod 600 ${FILE}`)]);
  expect(load({ toml: plain, mode: 0o600 }).warnings).toEqual([]);
  expect(load({ toml: plain.replace('sk-test-not-a-secret', 'env:K'), env: { K: 'sk-test-not-a-secret' }, mode: 0o644 }).warnings).toEqual([]);
});

test('what was read cannot be changed', () => {
  const { config } = load({ toml: 'server.cors_origins = ["https://a.example"]' });
  expect(() => Object.assign(config, { 'server.port': 1 })).toThrow(TypeError);
  expect(() => (config['server.cors_origins'] as string[]).push('x')).toThrow(TypeError);
});

test('a secret whose variable is not set here may be missing where no server is started; any other fault may not', () => {
  const toml = 'admin.token = "env:TOKEN"\n[[accounts]]\nname = "a"\nkind = "openai"\napi_key = "env:A_KEY"\nheaders = { x-team = "env:TEAM" }\n';
  const { config, absent } = loadConfig({ ...source({ toml }), absentSecrets: true });
  expect(absent.map(({ key }) => key)).toEqual(['admin.token', 'accounts[0].api_key', 'accounts[0].headers']);
  expect(config.accounts).toMatchObject([{ name: 'a', apiKey: null, headers: {} }]);
  expect(problems({ toml })).toEqual(absent);
  expect(absent[1]!.problem).toContain('set and export it, or take the account out');
  expect(() => loadConfig({ ...source({ toml, env: { A_KEY: 'not a\nkey' } }), absentSecrets: true })).toThrow('accounts[0].api_key');
});

test('no secret is ever said, whatever is wrong around it', () => {
  const secretKeys = SETTING_KEYS.filter((key) => settingOf(key).secret);
  const shape = fc.constantFrom<(secret: string) => string>(
    (s) => JSON.stringify(s),
    (s) => `[${JSON.stringify(s)}]`,
    (s) => `{ x = ${JSON.stringify(s)} }`,
    (s) => `"${s}`, // cut off
    (s) => s, // no TOML at all
    (s) => JSON.stringify(`env:${s} x`),
  );
  const entry = fc.tuple(fc.constantFrom(...secretKeys), shape);
  const arbitrary = fc.record({
    secret: fc.stringMatching(/^[A-Za-z0-9 :/@]{4,30}$/).map((tail) => `CANARY${tail}YRANAC`),
    entries: fc.uniqueArray(entry, { selector: ([key]) => key, maxLength: 3 }),
    accountShape: shape,
    field: fc.constantFrom('api_key', 'headers.x-key', 'organization', 'base_url'),
    kind: fc.constantFrom('"openai"', '"openai-compatible"', '1'),
    envKeys: fc.subarray([...secretKeys]),
    flagKeys: fc.subarray([...secretKeys]),
    wrong: fc.boolean(),
  });
  fc.assert(
    fc.property(arbitrary, ({ secret, entries, accountShape, field, kind, envKeys, flagKeys, wrong }) => {
      const said: string[] = [];
      const toml = [
        ...entries.map(([key, form]) => `${key} = ${form(secret)}`),
        ...(wrong ? ['server.port = "x"'] : []),
        '[[accounts]]',
        'name = "a"',
        `kind = ${kind}`,
        `${field} = ${accountShape(field === 'base_url' ? `http://u:${secret}@h/` : secret)}`,
      ].join('\n');
      const given = source({
        toml,
        mode: 0o644,
        env: Object.fromEntries(envKeys.map((key) => [envName(key), secret])),
        flags: Object.fromEntries(flagKeys.map((key) => [key, secret])),
      });
      said.push(checkConfig(given).text);
      try {
        const loaded = loadConfig(given);
        said.push(...loaded.warnings, showConfig(loaded, { json: false }), showConfig(loaded, { json: true }));
      } catch (error) {
        said.push(String(error), JSON.stringify(error));
        expect(error).toBeInstanceOf(ConfigError);
      }
      // An organisation is no secret: it is shown where it was accepted.
      if (field !== 'organization') expect(said.join('\n')).not.toContain('CANARY');
    }),
    { numRuns: 300 },
  );
});
