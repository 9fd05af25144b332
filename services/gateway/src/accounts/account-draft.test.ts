import { loadConfig } from '@switchyard/config';
import { expect, test } from 'vitest';
import { checkDraft, draftOf } from './account-draft.ts';
import type { AccountDraft } from './account-draft.ts';

const SOUND: AccountDraft = {
  name: 'own',
  kind: 'openai-compatible',
  baseUrl: 'http://127.0.0.1:9100/v1',
  credential: 'sk-test-own-not-a-secret',
  models: ['m'],
  priority: 100,
  organization: 'org-1',
  websocket: true,
  project: 'proj-1',
  headers: {},
  maxInFlight: 8,
  softInFlight: 4,
  reservePercent: 10,
  modelMap: {},
};

function accepted(check: () => unknown): boolean {
  try {
    check();
    return true;
  } catch {
    return false;
  }
}

/** Whether `config check` accepts this account in switchyard.toml. */
function fileTakes(draft: AccountDraft): boolean {
  const toml = `[[accounts]]
name = ${text(draft.name)}
kind = ${text(draft.kind)}
base_url = ${text(draft.baseUrl)}
api_key = ${text(draft.credential!)}
models = [${draft.models!.map(text).join(', ')}]
priority = ${draft.priority}
organization = ${text(draft.organization!)}
websocket = ${draft.websocket}
project = ${text(draft.project!)}
max_in_flight = ${draft.maxInFlight}
soft_in_flight = ${draft.softInFlight}
reserve_percent = ${draft.reservePercent}
headers = ${table(draft.headers)}
model_map = ${table(draft.modelMap)}
`;
  return accepted(() => loadConfig({ env: {}, userHome: '/u', cwd: '/', readFile: () => toml, fileMode: () => 0o600 }));
}

/** As a basic string of TOML, which wants every control character escaped. */
function text(value: string): string {
  return JSON.stringify(value).replaceAll('\x7f', '\\u007f');
}

function table(entries: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(entries).map((entry) => entry.map(text).join(' = '));
  return `{ ${pairs.join(', ')} }`;
}

const header = (name: string, value = 'v'): Partial<AccountDraft> => ({ headers: { [name]: value } });

test.each<Partial<AccountDraft>>([
  {},
  { name: 'a'.repeat(64) },
  { models: ['m'.repeat(256), 'gpt-5.5', 'modèle'] },
  { organization: 'o'.repeat(200) },
  { priority: 0 },
  { maxInFlight: 1, softInFlight: 1, reservePercent: 0 },
  { modelMap: { ours: 'theirs', 'gpt-5.5': 'prod gpt' } },
  { maxInFlight: 1_000_000, softInFlight: 1_000_000, reservePercent: 99 },
  { baseUrl: 'https://host.example/' },
  { headers: { 'api-key': 'k', 'X-Api-Key': 'k', 'x-team': 'blue or green' } },
  header('openai-beta'),
  header('content-type', 'application/json'),
  header('x'.repeat(100), 'v'.repeat(4_096)),
])('an account with %j is taken from the file and from a command', (change) => {
  const draft = { ...SOUND, ...change };
  expect([fileTakes(draft), accepted(() => checkDraft(draft))]).toEqual([true, true]);
});

test.each<Partial<AccountDraft>>([
  { name: 'Sandbox' },
  { name: '-own' },
  { name: 'a'.repeat(65) },
  { credential: 'with space' },
  { credential: 'k'.repeat(4_097) },
  { models: [] },
  { models: ['m'.repeat(257)] },
  { models: ['tab\tinside'] },
  { models: ['del\x7f'] },
  { models: [' '] },
  { organization: 'two words' },
  { organization: 'o'.repeat(201) },
  { project: 'ü' },
  { priority: -1 },
  { maxInFlight: 0 },
  { maxInFlight: 1_000_001 },
  { softInFlight: 9 },
  { reservePercent: 100 },
  { modelMap: { ours: '' } },
  { modelMap: { ours: 'tab\tinside' } },
  { modelMap: { [' ']: 'theirs' } },
  { reservePercent: -1 },
  { priority: 1_000_001 },
  { baseUrl: 'ftp://host.example' },
  { baseUrl: 'https://u:p@host.example' },
  { baseUrl: 'https://host.example/v1?k=1' },
  { headers: { 'x-team': 'a', 'X-Team': 'b' } },
  header('two words'),
  header('x'.repeat(101)),
  header('x-team', 'line\nend'),
  header('x-team', 'ü'),
  header('x-team', ''),
  header('x-team', 'v'.repeat(4_097)),
  ...[
    'Accept-Encoding',
    'authorization',
    'Connection',
    'Content-Length',
    'cookie',
    'expect',
    'forwarded',
    'host',
    'keep-alive',
    'OpenAI-Organization',
    'openai-project',
    'proxy-authorization',
    'te',
    'trailer',
    'transfer-encoding',
    'upgrade',
    'x-forwarded-for',
    'x-real-ip',
    'x-switchyard-request-id',
  ].map((name) => header(name)),
])('an account with %j is refused in the file and by a command', (change) => {
  const draft = { ...SOUND, ...change };
  expect([fileTakes(draft), accepted(() => checkDraft(draft))]).toEqual([false, false]);
});

test('a refusal names the field and never quotes a secret', () => {
  expect(() => checkDraft({ ...SOUND, ...header('api-key', 'sk-test-\n-not-a-secret') })).toThrow(
    expect.objectContaining({ code: 'invalid_value', param: 'headers', message: expect.not.stringContaining('not-a-secret') as string }),
  );
  expect(() => checkDraft({ ...SOUND, credential: 'sk-test not-a-secret' })).toThrow(
    expect.objectContaining({ code: 'invalid_value', param: 'credential', message: expect.not.stringContaining('not-a-secret') as string }),
  );
});

// What is asked for, and the limits in flight that come of it: from which others go first, and at which it is passed over.
test.each([
  ['chatgpt', {}, 4, 8],
  ['chatgpt', { max_in_flight: 2 }, 2, 2],
  ['chatgpt', { soft_in_flight: 20 }, 20, 20],
  ['chatgpt', { soft_in_flight: 1, max_in_flight: 30 }, 1, 30],
  ['openai', {}, null, null],
  ['openai-compatible', { soft_in_flight: 3 }, 3, null],
] as const)('an account of kind %s asked for with %j has its limits in flight', (kind, asked, soft, most) => {
  expect(draftOf({ name: 'own', kind, base_url: 'http://127.0.0.1:9100/v1', ...asked })).toMatchObject({ softInFlight: soft, maxInFlight: most });
});
