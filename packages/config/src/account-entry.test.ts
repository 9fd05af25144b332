import { expect, test } from 'vitest';

import { ConfigError } from './config-error.ts';
import { loadConfig } from './load-config.ts';
import type { AccountEntry } from './account-entry.ts';

function accounts(toml: string): readonly AccountEntry[] {
  return loadConfig({ env: { K: 'sk-test-not-a-secret' }, userHome: '/u', cwd: '/', readFile: () => toml, fileMode: () => 0o600 }).config.accounts;
}

function problem(toml: string): string {
  try {
    accounts(toml);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map((each) => `${each.place.split('toml:')[1]} ${each.key} ${each.problem}`).join('\n');
    throw error;
  }
  return '';
}

const OPENAI = '[[accounts]]\nname = "work"\nkind = "openai"\napi_key = "env:K"\n';
const LOCAL = '[[accounts]]\nname = "local"\nkind = "openai-compatible"\nbase_url = "http://127.0.0.1:9100/v1/"\n';

test('an account has its fields, and defaults for those left out', () => {
  expect(accounts(`${OPENAI}${LOCAL}models = ["a", "b", "a"]\npriority = 5\nmax_in_flight = 8\nsoft_in_flight = 4\nreserve_percent = 10\n`)).toEqual([
    {
      name: 'work',
      kind: 'openai',
      baseUrl: 'https://api.openai.com/v1',
      apiKey: 'sk-test-not-a-secret',
      models: null,
      priority: 100,
      organization: null,
      project: null,
      headers: {},
      websocket: false,
      maxInFlight: null,
      softInFlight: null,
      reservePercent: 0,
      modelMap: {},
      place: '/u/.switchyard/switchyard.toml:1:1',
    },
    {
      name: 'local',
      kind: 'openai-compatible',
      baseUrl: 'http://127.0.0.1:9100/v1',
      apiKey: null,
      models: ['a', 'b'],
      priority: 5,
      organization: null,
      project: null,
      headers: {},
      websocket: false,
      maxInFlight: 8,
      softInFlight: 4,
      reservePercent: 10,
      modelMap: {},
      place: '/u/.switchyard/switchyard.toml:5:1',
    },
  ]);
});

test('an account speaks WebSocket when it says so', () => {
  expect(accounts(`${OPENAI}websocket = true\n`)[0]).toMatchObject({ websocket: true });
});

test('extra headers are in lower case and may be secrets by reference', () => {
  expect(accounts(`${OPENAI}organization = "org-1"\nproject = "p"\nheaders = { X-Team = "blue", X-Key = "env:K" }\n`)[0]).toMatchObject({
    organization: 'org-1',
    project: 'p',
    headers: { 'x-team': 'blue', 'x-key': 'sk-test-not-a-secret' },
  });
});

test.each([
  ['[[accounts]]\nkind = "openai"\napi_key = "env:K"', '1:1 accounts[0].name is missing; add name'],
  ['[[accounts]]\nname = "a"\napi_key = "env:K"', '1:1 accounts[0].kind is missing'],
  ['[[accounts]]\nname = "a"\nkind = "azure"', '3:1 accounts[0].kind must be one of openai, openai-compatible'],
  ['[[accounts]]\nname = "a"\nkind = "openai"', '1:1 accounts[0].api_key is missing; add api_key = "env:NAME"'],
  ['[[accounts]]\nname = "a"\nkind = "openai-compatible"', '1:1 accounts[0].base_url is missing'],
  [`${OPENAI}api_kye = 1`, '5:1 accounts[0].api_kye is not a field of an account; did you mean api_key?'],
  [`${OPENAI}${OPENAI}`, '6:1 accounts[1].name is taken by the account at /u/.switchyard/switchyard.toml:1:1'],
  [`${OPENAI}${OPENAI.replace('work', 'Work')}`, 'accounts[1].name is taken'],
  [OPENAI.replace('work', 'sandbox'), 'is the name of the built-in account'],
  [OPENAI.replace('work', 'no spaces'), '2:1 accounts[0].name must be 1 to 64 letters'],
  [OPENAI.replace('env:K', ''), '4:1 accounts[0].api_key must be text in quotes, not empty'],
  [OPENAI.replace('env:K', 'has space'), 'visible ASCII'],
  [OPENAI.replace('"env:K"', '5'), 'must be text in quotes'],
  [`${OPENAI}base_url = "ftp://x"`, '5:1 accounts[0].base_url must be an http'],
  [`${OPENAI}base_url = "https://u:p@x/v1"`, 'must not hold credentials'],
  [`${OPENAI}base_url = "https://x/v1?key=1"`, 'must end after the path'],
  [`${OPENAI}models = []`, '5:1 accounts[0].models must be an array of model names'],
  [`${OPENAI}models = ["a", 1]`, 'must be an array of model names'],
  [`${OPENAI}priority = -1`, 'whole number from 0'],
  [`${OPENAI}websocket = "yes"`, 'must be true or false'],
  [`${OPENAI}headers = "x"`, 'must be a table'],
  [`${OPENAI}headers = { Authorization = "x" }`, 'must not hold Authorization'],
  [`${OPENAI}headers = { x-forwarded-for = "x" }`, 'must not hold x-forwarded-for'],
  [`${OPENAI}headers = { "a b" = "x" }`, 'not a header name'],
  [`${OPENAI}headers = { a = "x\\r\\ny" }`, 'printable ASCII'],
])('%j is refused', (toml, says) => {
  expect(problem(toml)).toContain(says);
});
