import { expect, test } from 'vitest';

import { loadConfig } from './load-config.ts';
import { checkConfig, showConfig } from './show-config.ts';

const TOML = '[server]\nport = 1\n[[accounts]]\nname = "work"\nkind = "openai"\napi_key = "sk-test-not-a-secret"\nheaders = { x-key = "also-not-a-secret" }\n';
const source = {
  env: { DATABASE_URL: 'postgres://u:hidden-not-a-secret@h/d', SWITCHYARD_PROT: '1' },
  userHome: '/u',
  cwd: '/',
  readFile: () => TOML,
  fileMode: () => 0o600,
};

test('show prints every setting with its value and origin, of a secret only that it is set', () => {
  const text = showConfig(loadConfig(source), { json: false });
  expect(text).toMatch(/^server\.port +1 +\/u\/\.switchyard\/switchyard\.toml:2:1$/m);
  expect(text).toMatch(/^server\.host +127\.0\.0\.1 +default$/m);
  expect(text).toMatch(/^database\.url +set \(hidden\) +DATABASE_URL$/m);
  expect(text).toMatch(/^admin\.token +\(not set\) +default$/m);
  expect(text).toMatch(/^ {2}work +openai https:\/\/api\.openai\.com\/v1 +\/u\/.*:3:1$/m);
  expect(text).toContain('warning: the environment variable SWITCHYARD_PROT');
  expect(text).not.toContain('not-a-secret');
});

test('show as JSON has the same, for scripts', () => {
  const text = showConfig(loadConfig(source), { json: true });
  expect(JSON.parse(text)).toMatchObject({
    file: '/u/.switchyard/switchyard.toml',
    settings: {
      'server.port': { value: 1, origin: '/u/.switchyard/switchyard.toml:2:1' },
      'database.url': { value: 'set (hidden)', origin: 'DATABASE_URL' },
      'admin.token': { value: null, origin: 'default' },
    },
    accounts: [{ name: 'work', api_key: 'set (hidden)', headers: ['x-key'] }],
  });
  expect(text).not.toContain('not-a-secret');
});

test('check says that all is fine, or each thing that is wrong on its own line', () => {
  expect(checkConfig(source)).toEqual({
    ok: true,
    text: expect.stringMatching(/^warning: .*\n\/u\/\.switchyard\/switchyard\.toml: fine, 1 account declared\n$/),
  });
  expect(checkConfig({ ...source, env: { SWITCHYARD_PORT: 'x', LOG_LEVEL: 'y' } })).toEqual({
    ok: false,
    text: 'SWITCHYARD_PORT: server.port must be a whole number from 0 to 65535\nLOG_LEVEL: log.level must be one of debug, info, warn, error, critical\n',
  });
});
