import { expect, test } from 'vitest';
import { BINDING_KIND_NAMES } from '@switchyard/service-gateway';
import type { Binding, Key, ListedAccount, LoggedRequest, Quota } from '../operations/operations.ts';
import { accountsTable } from './accounts-table.ts';
import { keysTable } from './keys-table.ts';
import { forecastLines } from './forecast-lines.ts';
import { quotaTable } from './quota-table.ts';
import { requestsTable } from './requests-table.ts';
import { bindingLines, sessionsTable } from './sessions-table.ts';

const account = {
  id: 'acct_1',
  name: 'a1',
  kind: 'openai',
  source: 'api',
  base_url: 'https://api.openai.com/v1',
  models: ['m1', 'm2'],
  models_from: 'listed',
  priority: 100,
  organization: null,
  project: null,
  header_names: [],
  has_credential: true,
  websocket: false,
  login_state: 'ok',
  created_at: '2026-11-21T14:03:22.123Z',
  state: 'ready',
  backoff_reason: null,
  backoff_ms: 0,
  in_flight: 2,
  max_in_flight: null,
  soft_in_flight: null,
  reserve_percent: 0,
  model_map: {},
  health: 0,
  quota: null,
} as const satisfies ListedAccount;

const window = { used_percent: 37.6, left_percent: 62.4, band: 'ready', window_seconds: 18_000, resets_at: '2026-11-21T15:04:00.000Z' } as const;
const quota: Quota = {
  account_id: 'acct_1',
  account: 'a1',
  band: 'ready',
  short: window,
  weekly: { ...window, used_percent: 90, left_percent: 10, band: 'thin', window_seconds: 604_800, resets_at: '2026-11-24T14:04:00.000Z' },
  plan_type: 'plus',
  source: 'header',
  seen_at: '2026-11-21T14:03:00.000Z',
  blocked_until: null,
  limited_models: [],
};

const key: Key = {
  id: 'key_1',
  name: 'laptop',
  hint: 'sk-…abcd',
  models: null,
  accounts: null,
  pool: null,
  created_at: '2026-11-21T14:03:22.123Z',
  revoked_at: null,
};

test('accounts are listed in the order in which they are asked, each with how it is', () => {
  const lines = accountsTable([
    { ...account, name: 'z', priority: 5, state: 'backing_off', backoff_ms: 65_000, backoff_reason: 'overload', health: 6 },
    { ...account, quota },
    { ...account, name: 'b2', backoff_reason: 'auth' },
    { ...account, name: 'gone', priority: 200, state: 'left_out', source: 'file' },
    { ...account, name: 'off', priority: 300, state: null, in_flight: null, backoff_ms: null, backoff_reason: null, health: null, source: 'builtin' },
  ]).split('\n');
  expect(lines.slice(1, 6).map((line) => line.replaceAll(/ {2,}/g, '|'))).toEqual([
    'z|openai|backing off for 1 min 5 s (overload)|2|-|6 against it|5|added|https://api.openai.com/v1|m1, m2',
    'a1|openai|ready|2|10 %|good|100|added|https://api.openai.com/v1|m1, m2',
    'b2|openai|ready, not heard of since it failed (auth)|2|-|good|100|added|https://api.openai.com/v1|m1, m2',
    'gone|openai|left out|2|-|good|200|switchyard.toml|https://api.openai.com/v1|m1, m2',
    'off|openai|server stopped|-|-|-|300|built in|https://api.openai.com/v1|m1, m2',
  ]);
});

test.each([
  { source: 'api', cause: 'cannot be read', remedy: 'ENCRYPTION_KEY' },
  { source: 'file', cause: "not in this server's switchyard.toml", remedy: 'switchyard accounts remove gone' },
  { source: 'builtin', cause: 'gateway.sandbox is false', remedy: 'switchyard accounts remove gone' },
])('an account that is left out says why, and what to do: $source', ({ source, cause, remedy }) => {
  const [, , empty, note, ...rest] = accountsTable([{ ...account, name: 'gone', state: 'left_out', source }]).split('\n');
  expect([empty, rest]).toEqual(['', ['']]);
  expect(note).toContain(`gone is left out`);
  expect(note).toContain(cause);
  expect(note).toContain(remedy);
});

test('quotas are listed with what is left, when it is full again, and since when an account refuses', () => {
  const lines = quotaTable(
    [
      quota,
      { ...quota, account: 'b', short: null, band: 'thin', blocked_until: '2026-11-21T15:00:00.000Z', source: 'stored' },
      { ...quota, account: 'c', short: null, weekly: null, source: null, seen_at: null },
    ],
    Date.parse('2026-11-21T14:04:00.000Z'),
  ).split('\n');
  expect(lines.slice(1, 4).map((line) => line.replaceAll(/ {2,}/g, '|'))).toEqual([
    'a1|ready|62 % left, full in 1 h 0 min|10 % left, full in 3 d 0 h|-|1 min 0 s ago from an answer',
    'b|blocked|-|10 % left, full in 3 d 0 h|2026-11-21 15:00:00|1 min 0 s ago from before the start',
    'c|no limit known|-|-|-|-',
  ]);
});

test('pools are listed with when they run dry and when they are back', () => {
  const none = { dry_at: null, back_at: null };
  const lines = forecastLines(
    [
      { pool: 'default', outlook: 'runs_dry', dry_at: '2026-11-21T16:04:00.000Z', back_at: '2026-11-21T17:34:00.000Z' },
      { pool: 'team', outlook: 'dry', dry_at: null, back_at: '2026-11-21T14:05:30.000Z' },
      { pool: 'spare', outlook: 'lasts', ...none },
      { pool: 'new', outlook: 'unknown', ...none },
    ],
    Date.parse('2026-11-21T14:04:00.000Z'),
  ).split('\n');
  expect(lines.slice(2, 6).map((line) => line.replaceAll(/ {2,}/g, '|'))).toEqual([
    'default|dry in 2 h 0 min, back in 3 h 30 min',
    'team|dry now, back in 1 min 30 s',
    'spare|lasts until each account is full again',
    'new|no forecast: too little was heard of its quota',
  ]);
  expect(forecastLines([], 0)).toBe('');
});

test('keys are listed with what they may use, accounts by name', () => {
  const lines = keysTable(
    [key, { ...key, id: 'key_2', pool: 'team', models: ['m1'], accounts: ['acct_1', 'acct_9'], revoked_at: '2026-11-22T00:00:00.000Z' }],
    [account],
  ).split('\n');
  expect(lines.slice(1, 3).map((line) => line.replaceAll(/ {2,}/g, '|'))).toEqual([
    'key_1|laptop|sk-…abcd|all|all|default|2026-11-21 14:03:22|active',
    'key_2|laptop|sk-…abcd|m1|a1, acct_9 (removed)|team|2026-11-21 14:03:22|revoked 2026-11-22 00:00:00',
  ]);
});

test('requests are listed with their fault or outcome, and what is not known as a dash', () => {
  const request = {
    id: 'req_1',
    started_at: '2026-11-21T14:03:22.123Z',
    surface: 'chat.completions',
    model: 'm1',
    account_id: 'acct_1',
    status: 200,
    outcome: 'completed',
    fault: null,
    duration_ms: 1_240,
    input_tokens: 1_200,
    output_tokens: 3,
  };
  const refused = {
    ...request,
    id: 'req_2',
    model: 'x\u001b[31m'.repeat(20),
    account_id: null,
    status: 404,
    outcome: 'refused',
    fault: 'model_not_found',
    duration_ms: null,
    input_tokens: null,
    output_tokens: null,
  };
  const lines = requestsTable([request, refused, { ...request, id: 'req_3', account_id: 'acct_9' }] as unknown as LoggedRequest[], [account]).split('\n');
  expect(lines.slice(1, 4).map((line) => line.replaceAll(/ {2,}/g, '|'))).toEqual([
    '2026-11-21 14:03:22|req_1|chat.completions|m1|a1|200|completed|1.24 s|1 200|3',
    expect.stringMatching(/^2026-11-21 14:03:22\|req_2\|chat\.completions\|x\?\[31mx.{24}…\|-\|404\|model_not_found\|-\|-\|-$/),
    '2026-11-21 14:03:22|req_3|chat.completions|m1|acct_9 (removed)|200|completed|1.24 s|1 200|3',
  ]);
});

test('an empty list says what to do', () => {
  expect(accountsTable([])).toContain('switchyard accounts add');
  expect(keysTable([], [])).toContain('switchyard keys create');
  expect(requestsTable([], [])).toBe('There is no request in the log here.\n');
});

const bound: Binding = {
  digest: '0123456789abcdef0123456789abcdef',
  kind: 'response',
  state: 'warm',
  account_id: 'acct_1',
  account: 'a1',
  key_id: 'key_1',
  key: 'laptop',
  misses: 0,
  moves: 0,
  bound_at: '2026-11-21T14:03:22.123Z',
  used_at: '2026-11-21T14:03:22.123Z',
};

test('what ids are bound to is told in words, and never more than is known', () => {
  expect(bindingLines([bound])).toBe('  response 0123456789abcdef0123456789abcdef, a1, of the key "laptop": bound; last used 2026-11-21 14:03:22 UTC\n');
  const removed = bindingLines([{ ...bound, kind: 'session', account: null, key: null, moves: 2, state: 'verified' }]);
  expect(removed).toContain(
    'session 0123456789abcdef0123456789abcdef, acct_1 (removed), of the key key_1 (gone): bound, and taken by its account since, moved 2 times;',
  );
  expect(bindingLines([{ ...bound, state: 'conflict', account_id: null, account: null }])).toContain('claimed by two accounts, so none of them is asked');
});

test.each(BINDING_KIND_NAMES)('a binding of the kind %s has words', (kind) => {
  expect(bindingLines([{ ...bound, kind }])).toMatch(/^ {2}[a-z ]+ 0123/);
});

test('bindings are counted by kind, and conflicts are listed with how to end them', () => {
  const counts = { limit: 16_384, warm: 3, verified: 2, suspect: 1, dead: 4, conflict: 1 };
  const shown = sessionsTable({
    kinds: [{ kind: 'response', ...counts }],
    conflicts: [{ ...bound, state: 'conflict', account_id: null, account: null }],
    found: null,
  });
  expect(shown.split('\n').map((line) => line.replaceAll(/ {2,}/g, '|'))).toEqual([
    'WHAT|KNOWN|AT MOST|TAKEN SINCE|SUSPECT|GIVEN UP|CONFLICTS',
    'responses|6|16 384|2|1|4|1',
    '',
    '1 id that two accounts claim; `switchyard sessions forget DIGEST` ends it:',
    expect.stringContaining('|response 0123456789abcdef'),
    '',
  ]);
});
