import type { Key, ListedAccount } from '../operations/operations.ts';
import type { Emphasis } from './emphasis.ts';
import { table } from './table.ts';
import { modelsText, moment } from './words.ts';

/** All keys for a person; accounts are told by name. */
export function keysTable(keys: readonly Key[], accounts: readonly Pick<ListedAccount, 'id' | 'name'>[], emphasise?: Emphasis): string {
  if (keys.length === 0) return 'There are no keys. Make one: switchyard keys create --name NAME\n';
  const nameOf = new Map(accounts.map(({ id, name }) => [id, name]));
  return table(
    [
      { title: 'ID' },
      { title: 'NAME' },
      { title: 'KEY' },
      { title: 'MODELS' },
      { title: 'ACCOUNTS' },
      { title: 'POOL' },
      { title: 'MADE (UTC)' },
      { title: 'STATE' },
    ],
    keys.map((key) => [
      key.id,
      key.name,
      key.hint,
      key.models === null ? 'all' : modelsText(key.models, 3),
      key.accounts === null
        ? 'all'
        : modelsText(
            key.accounts.map((id) => nameOf.get(id) ?? `${id} (removed)`),
            3,
          ),
      key.pool ?? 'default',
      moment(key.created_at),
      key.revoked_at === null ? 'active' : `revoked ${moment(key.revoked_at)}`,
    ]),
    emphasise,
  );
}
