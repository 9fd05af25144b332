import { readFileSync, readdirSync } from 'node:fs';
import { loadConfig } from '@switchyard/config';
import { expect, test } from 'vitest';
import { diagnose } from './diagnose.ts';
import type { QuotaView } from '../quota.ts';
import type { AccountStanding, DoctorFacts, LiveFacts, PoolStanding, StoredFacts, TableFacts } from './facts.ts';
import { INCIDENT_KINDS } from './incident-rules.ts';

const config = (env: Readonly<Record<string, string>> = {}) => loadConfig({ env: { SWITCHYARD_HOME: '/tmp/none', ...env } }).config;

const declaring = (text: string) => loadConfig({ env: { SWITCHYARD_HOME: '/tmp/none' }, readFile: () => text, fileMode: () => 0o600 }).config;

const ACCOUNT = { id: 'acct_1', name: 'a1', kind: 'openai', source: 'api', models: 2, unreadable: null, needsLogin: false, isDeclared: true };
const KIND = { kind: 'response', limit: 100, warm: 1, verified: 0, suspect: 0, dead: 0, conflict: 0 } as const;
const TABLES: TableFacts = { accounts: [ACCOUNT], incidents: [], bindings: { kinds: [KIND], conflicts: [], missing: [] } };
const STORED: StoredFacts = { migrations: { pending: [], unknown: [], changed: [] }, clockAheadMs: 12, tables: TABLES };
const STANDING: AccountStanding = { name: 'a1', kind: 'openai', source: 'api', standing: 'ready', open: [], reason: null, backInMs: 0 };
const AT_MS = 1_800_000_000_000;
const iso = (agoMs: number): string => new Date(AT_MS - agoMs).toISOString();
const QUOTA: QuotaView = {
  account_id: 'acct_1',
  account: 'a1',
  band: 'ready',
  short: null,
  weekly: null,
  plan_type: null,
  source: 'header',
  seen_at: iso(60_000),
  blocked_until: null,
  limited_models: [],
};
const POOL: PoolStanding = { name: 'team-b', taken: ['responses', 'compact'], out: [], stoodIn: [], members: [] };
const MEMBERS: PoolStanding['members'] = [
  { name: 'a1', standing: 'quota_blocked', reason: null, backInMs: 138_000 },
  { name: 'b1', standing: 'backing_off', reason: 'server_error', backInMs: 20_000 },
];
const LIVE: LiveFacts = {
  accounts: [STANDING],
  pools: [POOL],
  journal: { waiting: 3, lost: 0 },
  waits: { durable: 1_000, late: 10, suspended: 0 },
  lanes: [{ lane: 'responses', running: 3, waiting: 0, limit: 4 }],
  pressed: [],
  notSpokenBy: [],
};
const INCIDENT = { kind: 'all_blocked', opened_at: new Date(AT_MS - 3_600_000), closed_at: null, evidence: 'None had quota.' };
const HEALTHY: DoctorFacts = { config: config(), stored: STORED, quota: [QUOTA], live: LIVE, atMs: AT_MS };

const stored = (changed: Partial<StoredFacts>): Partial<DoctorFacts> => ({ stored: { ...STORED, ...changed } });
const tables = (changed: Partial<TableFacts>): Partial<DoctorFacts> => stored({ tables: { ...TABLES, ...changed } });
const bindings = (changed: Partial<TableFacts['bindings']>): Partial<DoctorFacts> => tables({ bindings: { ...TABLES.bindings, ...changed } });
const live = (changed: Partial<LiveFacts>): Partial<DoctorFacts> => ({ live: { ...LIVE, ...changed } });
const migrations = (changed: Partial<StoredFacts['migrations']>): Partial<DoctorFacts> =>
  stored({ migrations: { ...STORED.migrations, ...changed }, tables: null });

test('with nothing wrong nothing is found, running or stopped', () => {
  expect(diagnose(HEALTHY)).toEqual({ healthy: true, server: 'running', checked_at: '2027-01-15T08:00:00.000Z', findings: [] });
  expect(diagnose({ ...HEALTHY, live: null })).toMatchObject({ healthy: true, server: 'stopped', findings: [] });
});

test.each<[id: string, severity: string, seen: string | RegExp, changed: Partial<DoctorFacts>]>([
  ['database_away', 'error', /No answer/, { stored: null }],
  ['database_newer', 'error', '0009-later.sql', migrations({ unknown: ['0009-later.sql'] })],
  ['migrations_pending', 'warning', '0009-mine.sql', migrations({ pending: ['0009-mine.sql'] })],
  ['migrations_pending', 'info', '0009-mine.sql', { ...migrations({ pending: ['0009-mine.sql'] }), live: null }],
  ['migrations_changed', 'error', '0001-x.sql', migrations({ changed: ['0001-x.sql'] })],
  ['clock_skew', 'warning', /90 s behind/, stored({ clockAheadMs: -90_000 })],
  ['clock_skew', 'error', /600 s ahead of/, stored({ clockAheadMs: 600_000 })],
  ['account_unreadable', 'error', /a2: another key/, tables({ accounts: [ACCOUNT, { ...ACCOUNT, name: 'a2', unreadable: 'another key' }] })],
  ['needs_login', 'error', /c1 \(acct_1\)/, tables({ accounts: [ACCOUNT, { ...ACCOUNT, name: 'c1', kind: 'chatgpt', needsLogin: true }] })],
  ['account_off', 'warning', /a2: it is not in/, tables({ accounts: [ACCOUNT, { ...ACCOUNT, name: 'a2', source: 'file', isDeclared: false }] })],
  ['account_without_models', 'warning', 'a2', tables({ accounts: [ACCOUNT, { ...ACCOUNT, name: 'a2', models: 0 }] })],
  ['no_accounts', 'info', /1 known, 1 usable/, tables({ accounts: [{ ...ACCOUNT, kind: 'sandbox', source: 'builtin' }] })],
  ['all_blocked', 'error', /a1: until 2027-01-15T08:01:00/, { quota: [{ ...QUOTA, blocked_until: iso(-60_000) }] }],
  ['all_blocked', 'error', /a1: until/, { quota: [{ ...QUOTA, blocked_until: iso(-60_000) }], live: null }],
  ['quota_stale', 'info', /a1: seen 2027-01-15T07:00/, { quota: [{ ...QUOTA, seen_at: iso(3_600_000) }] }],
  ['account_refused', 'error', /a1: its credential is refused/, live({ accounts: [{ ...STANDING, standing: 'backing_off', reason: 'auth', backInMs: 9 }] })],
  [
    'circuits_open',
    'warning',
    /a1: compact \(transport\), asked again in 20 s/,
    live({ accounts: [{ ...STANDING, open: ['compact'], reason: 'transport', backInMs: 20_000 }] }),
  ],
  ['pool_cannot_serve', 'error', 'a1: out of quota, back in 138 s', live({ pools: [{ ...POOL, out: ['responses'], members: MEMBERS }] })],
  ['pool_cannot_serve', 'error', /b1: left alone \(server_error\), back in 20 s/, live({ pools: [{ ...POOL, out: ['responses'], members: MEMBERS }] })],
  [
    'pool_names_unknown_account',
    'warning',
    /switchyard\.toml:1:1: the pool team names a11; there is an account a1$/,
    { config: declaring('[pools.team]\naccounts = ["a1", "a11"]\n') },
  ],
  ['pool_stood_in', 'warning', /a1: out of quota/, live({ pools: [{ ...POOL, stoodIn: ['responses'], members: MEMBERS }] })],
  ['bindings_to_missing_accounts', 'warning', /7 of acct_9/, bindings({ missing: [{ account_id: 'acct_9', count: 7 }] })],
  ['bindings_full', 'info', 'response: 100', bindings({ kinds: [{ ...KIND, warm: 90, dead: 10 }] })],
  ['bindings_late', 'warning', /20 of 1020/, live({ waits: { durable: 1_000, late: 20, suspended: 0 } })],
  ['bindings_suspended', 'warning', /5 answers/, live({ waits: { durable: 0, late: 0, suspended: 5 } })],
  ['journal_backlog', 'warning', /10000 rows/, live({ journal: { waiting: 10_000, lost: 0 } })],
  ['journal_rows_lost', 'warning', /2 since/, live({ journal: { waiting: 0, lost: 2 } })],
  ['lane_full', 'warning', /responses: 4 in progress, 9 wait/, live({ lanes: [{ lane: 'responses', running: 4, waiting: 9, limit: 4 }] })],
  ['pressed', 'warning', /event loop/, live({ pressed: ['loop'] })],
  ['recent_incidents', 'warning', /all_blocked from 2027-01-15T07:00:00.000Z on: None had quota/, tables({ incidents: [INCIDENT] })],
  [
    'recent_incidents',
    'info',
    /all_blocked from .* to 2027-01-15T07:30:00.000Z/,
    tables({ incidents: [{ ...INCIDENT, closed_at: new Date(AT_MS - 1_800_000) }] }),
  ],
  ['websocket_declined', 'warning', 'a1', live({ notSpokenBy: ['a1'] })],
  [
    'faults_enabled',
    'warning',
    'faults.state_save_errors = 3',
    { config: config({ SWITCHYARD_FAULTS_ENABLED: 'true', SWITCHYARD_FAULTS_STATE_SAVE_ERRORS: '3' }) },
  ],
])('%s is found (%s) with what was seen', (id, severity, seen, changed) => {
  const report = diagnose({ ...HEALTHY, ...changed });
  const found = report.findings.find((finding) => finding.id === id);
  expect(found).toMatchObject({ severity, evidence: expect.arrayContaining([expect.stringMatching(seen)]) as string[] });
  expect(report.healthy).toBe(severity === 'info');
});

test('each pool that cannot serve is found by its name, with the lanes when it is not all of them, and not where all is said to be out of quota', () => {
  const pools = [
    { ...POOL, name: 'default', out: ['compact'] as const, members: MEMBERS },
    { ...POOL, out: ['responses', 'compact'] as const, members: MEMBERS },
  ];
  const { findings } = diagnose({ ...HEALTHY, ...live({ pools }) });
  expect(findings.map(({ id }) => id)).toEqual(['pool_cannot_serve', 'pool_cannot_serve']);
  expect(findings[0]!.cause).toContain('the pool `default`, nor of those that stand in for it, can serve a new request on the lane compact.');
  expect(findings[1]!.cause).toContain('the pool `team-b`, nor of those that stand in for it, can serve a new request.');
  const all = diagnose({ ...HEALTHY, ...live({ pools }), quota: [{ ...QUOTA, blocked_until: iso(-60_000) }] });
  expect(all.findings.map(({ id }) => id)).toEqual(['all_blocked']);
});

test('that others serve meanwhile is only said where they do', () => {
  const accounts = [{ ...STANDING, open: ['responses'] as const, reason: 'transport' as const, backInMs: 20_000 }];
  const said = (pool: PoolStanding) => diagnose({ ...HEALTHY, ...live({ accounts, pools: [pool] }) }).findings.find(({ id }) => id === 'circuits_open')!;
  expect(said(POOL).next_action).toContain('Others serve meanwhile');
  expect(said({ ...POOL, out: ['responses'], members: MEMBERS }).next_action).not.toContain('Others');
});

test('what to do about a refused credential depends on where the account was declared', () => {
  const said = (changed: Partial<AccountStanding>) =>
    diagnose({ ...HEALTHY, ...live({ accounts: [{ ...STANDING, standing: 'backing_off', reason: 'auth', backInMs: 9, ...changed }] }) }).findings.find(
      ({ id }) => id === 'account_refused',
    )!.next_action;
  expect(said({})).toContain('remove an account');
  expect(said({ source: 'file' })).toMatch(/switchyard\.toml.*start the server again/);
  expect(said({ source: 'file' })).not.toContain('remove');
  expect(said({ kind: 'chatgpt' })).toContain('sign in again');
});

test('an id that two accounts claim is found with its digest', () => {
  const conflict = {
    digest: '0123456789abcdef0123456789abcdef',
    kind: 'response',
    state: 'conflict',
    account_id: null,
    account: null,
    key_id: 'key_1',
    key: 'laptop',
    misses: 0,
    moves: 0,
    bound_at: new Date(0),
    used_at: new Date(0),
  } as const;
  const { findings } = diagnose({ ...HEALTHY, ...bindings({ conflicts: [conflict] }) });
  expect(findings).toMatchObject([
    { id: 'binding_conflicts', severity: 'error', evidence: [expect.stringContaining('response 0123456789abcdef0123456789abcdef of the key "laptop"')] },
  ]);
});

test.each(INCIDENT_KINDS)('an incident of the kind %s says why it comes about and what to do, in a finding of its own', (kind) => {
  const other = INCIDENT_KINDS.find((each) => each !== kind)!;
  const { findings } = diagnose({ ...HEALTHY, ...tables({ incidents: [kind, other, kind].map((each) => ({ ...INCIDENT, kind: each })) }) });
  const found = findings.filter(({ id }) => id === 'recent_incidents');
  expect(found).toHaveLength(2);
  expect(new Set(found.map(({ cause }) => cause)).size).toBe(2);
  const own = found.find(({ evidence }) => evidence[0]!.startsWith(kind))!;
  expect(own.evidence).toHaveLength(2);
  expect(own.cause).toMatch(/^[A-Z].*\.$/);
  expect(own.next_action).toMatch(/^[A-Z].*\.$/);
});

test('the database being away does not hide that answers went out unbound', () => {
  const { findings } = diagnose({ ...HEALTHY, stored: null, ...live({ waits: { durable: 0, late: 0, suspended: 5 } }) });
  expect(findings.map(({ id, severity }) => `${severity} ${id}`)).toEqual(['error database_away', 'error bindings_suspended']);
});

test('the worst stands first, and every finding says in whole sentences what is wrong and what to do', () => {
  const facts: DoctorFacts = {
    ...HEALTHY,
    config: config({ SWITCHYARD_FAULTS_ENABLED: 'true' }),
    stored: { ...STORED, clockAheadMs: 600_000, tables: { ...TABLES, accounts: [{ ...ACCOUNT, unreadable: 'x' }] } },
    live: { ...LIVE, pressed: ['journal', 'refused', 'waiting'], notSpokenBy: ['a1'], journal: { waiting: 20_000, lost: 1 } },
  };
  const { findings } = diagnose(facts);
  const severities = findings.map(({ severity }) => severity);
  expect(severities).toEqual([...severities].sort((a, b) => ['error', 'warning', 'info'].indexOf(a) - ['error', 'warning', 'info'].indexOf(b)));
  for (const { cause, next_action: next, evidence } of findings) {
    expect(cause).toMatch(/^[A-Z].*\.$/);
    expect(next).toMatch(/^[A-Z][^]*[.`]$/);
    expect(evidence.length).toBeGreaterThan(0);
  }
});

test('every finding has its row in docs/operations.md', () => {
  const told = readFileSync(new URL('../../../../../docs/operations.md', import.meta.url), 'utf8');
  const folder = new URL('.', import.meta.url);
  const sources = readdirSync(folder).filter((name) => /^check-.*\.ts$/.test(name));
  const ids = sources.flatMap((name) => [...readFileSync(new URL(name, folder), 'utf8').matchAll(/^ +id: '([a-z_]+)'/gm)].map(([, id]) => id!));
  expect(ids.length).toBeGreaterThan(20);
  expect(ids.filter((id) => !told.includes(`\`${id}\``))).toEqual([]);
});
