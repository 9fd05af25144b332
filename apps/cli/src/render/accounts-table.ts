import type { ListedAccount } from '../operations/operations.ts';
import type { Emphasis } from './emphasis.ts';
import { table } from './table.ts';
import { duration, modelsText } from './words.ts';

const STATES: Readonly<Record<NonNullable<ListedAccount['state']>, string>> = {
  ready: 'ready',
  backing_off: 'backing off',
  no_models: 'no models known',
  left_out: 'left out: its key is not there',
};

const SOURCES: Readonly<Record<string, string>> = { api: 'added', file: 'switchyard.toml', builtin: 'built in' };

/** All accounts for a person, in the order in which they are asked. */
export function accountsTable(accounts: readonly ListedAccount[], emphasise?: Emphasis): string {
  if (accounts.length === 0) return 'There are no accounts yet. Add one: switchyard accounts add --help\n';
  return table(
    [
      { title: 'NAME' },
      { title: 'KIND' },
      { title: 'STATE' },
      { title: 'RUNNING', numeric: true },
      { title: 'PRIORITY', numeric: true },
      { title: 'FROM' },
      { title: 'ADDRESS' },
      { title: 'MODELS' },
    ],
    accounts
      .toSorted((a, b) => a.priority - b.priority || (a.name < b.name ? -1 : 1))
      .map((account) => [
        account.name,
        account.kind,
        stateText(account),
        account.in_flight === null ? '-' : String(account.in_flight),
        String(account.priority),
        SOURCES[account.source] ?? account.source,
        account.base_url,
        modelsText(account.models, 3),
      ]),
    emphasise,
  );
}

function stateText({ state, backoff_reason: reason, backoff_ms: leftMs }: ListedAccount): string {
  if (state === null) return 'server stopped';
  const text = STATES[state] ?? state;
  return state === 'backing_off' ? `${text} for ${duration(leftMs ?? 0)}${reason === null ? '' : ` (${reason})`}` : text;
}
