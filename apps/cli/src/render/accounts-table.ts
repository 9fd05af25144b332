import type { ListedAccount } from '../operations/operations.ts';
import type { Emphasis } from './emphasis.ts';
import { table } from './table.ts';
import { duration, modelsText } from './words.ts';

const STATES: Readonly<Record<NonNullable<ListedAccount['state']>, string>> = {
  ready: 'ready',
  soft_full: 'busy, others first',
  backing_off: 'backing off',
  circuit_open: 'unhealthy, left alone',
  hard_full: 'full',
  quota_blocked: 'out of quota',
  reserve: 'down to its reserve',
  exhausted: 'out of quota',
  no_models: 'no models known',
  needs_login: 'needs login',
  left_out: 'left out',
};

/** Why the server leaves an account out, by where the account was declared, and what to do about it. */
const LEFT_OUT: Readonly<Record<string, (name: string) => string>> = {
  api: (name) =>
    `${name} is left out: its stored key or headers cannot be read. Start the server with the ENCRYPTION_KEY (or encryption.key) that it was added with, or remove it and add it again.`,
  file: (name) =>
    `${name} is left out: it is not in this server's switchyard.toml. Put it back there and start the server again, or forget it: switchyard accounts remove ${name}`,
  builtin: (name) =>
    `${name} is left out: gateway.sandbox is false. Set it to true and start the server again, or forget it: switchyard accounts remove ${name}`,
};

const SOURCES: Readonly<Record<string, string>> = { api: 'added', file: 'switchyard.toml', builtin: 'built in' };

/** All accounts for a person, in the order in which they are asked; below them, why some are left out. */
export function accountsTable(accounts: readonly ListedAccount[], emphasise?: Emphasis): string {
  if (accounts.length === 0) return 'There are no accounts yet. Add one: switchyard accounts add --help\n';
  const sorted = accounts.toSorted((a, b) => a.priority - b.priority || (a.name < b.name ? -1 : 1));
  const listed = table(
    [
      { title: 'NAME' },
      { title: 'KIND' },
      { title: 'STATE' },
      { title: 'RUNNING', numeric: true },
      { title: 'QUOTA LEFT', numeric: true },
      { title: 'HEALTH' },
      { title: 'PRIORITY', numeric: true },
      { title: 'FROM' },
      { title: 'ADDRESS' },
      { title: 'MODELS' },
    ],
    sorted.map((account) => [
      account.name,
      account.kind,
      stateText(account),
      account.in_flight === null ? '-' : String(account.in_flight),
      leftText(account),
      healthText(account),
      String(account.priority),
      SOURCES[account.source] ?? account.source,
      account.base_url,
      modelsText(account.models, 3),
    ]),
    emphasise,
  );
  const notes = sorted
    .filter(({ state }) => state === 'left_out' || state === 'needs_login')
    .map(({ name, source, state }) => `${state === 'needs_login' ? needsLogin(name) : (LEFT_OUT[source]?.(name) ?? `${name} is left out.`)}\n`);
  return notes.length === 0 ? listed : `${listed}\n${notes.join('')}`;
}

function needsLogin(name: string): string {
  return `${name} needs a new login: sign in again in the Codex home that it was added from (CODEX_HOME=… codex login), from where it is taken by itself; or remove it and add it again.`;
}

function stateText({ state, backoff_reason: reason, backoff_ms: leftMs }: ListedAccount): string {
  if (state === null) return 'server stopped';
  const text = STATES[state] ?? state;
  const since = (leftMs ?? 0) > 0 ? `${text} for ${duration(leftMs ?? 0)}` : text;
  if (reason === null) return since;
  return state === 'backing_off' || state === 'circuit_open' ? `${since} (${reason})` : `${since}, not heard of since it failed (${reason})`;
}

/** Percent left of the tighter window. */
function leftText({ quota }: ListedAccount): string {
  const left = [quota?.short, quota?.weekly].flatMap((window) => (window === null || window === undefined ? [] : [window.left_percent]));
  return left.length === 0 ? '-' : `${Math.round(Math.min(...left))} %`;
}

function healthText({ health }: ListedAccount): string {
  if (health === null) return '-';
  return health === 0 ? 'good' : `${health} against it`;
}
