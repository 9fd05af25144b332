import { SwitchyardError, newId } from '@switchyard/contracts';
import { hashDataKey, keyHint, newDataKey } from '@switchyard/security';
import { listAccounts } from '../store/accounts.ts';
import { announceChange } from '../store/announce.ts';
import { insertKey, listKeys, revokeKey } from '../store/keys.ts';
import type { KeyRow } from '../store/keys.ts';
import type { Control } from './control.ts';

/** A key as our API shows it: the key itself only once, when it is made. */
export interface KeyView {
  readonly id: string;
  readonly name: string;
  readonly hint: string;
  readonly models: readonly string[] | null;
  readonly accounts: readonly string[] | null;
  /** Null is the default pool. */
  readonly pool: string | null;
  readonly created_at: string;
  readonly revoked_at: string | null;
}

export interface KeyDraft {
  readonly name: string;
  /** Model names; null is all. */
  readonly models: readonly string[] | null;
  /** Ids or names of accounts; null is all. */
  readonly accounts: readonly string[] | null;
  /** Name of a declared pool; left out or null, the default one. */
  readonly pool?: string | null;
}

const NAME = /^[^\p{Cc}\p{Cs}]{1,100}$/u;

/**
 * Makes a key. The text of the key is in the answer and nowhere else.
 * @param secret  The text to take instead of a new one; for the bootstrap key.
 * @throws SwitchyardError `invalid_value`, `name_taken`
 */
export async function createKey(control: Control, draft: KeyDraft, secret = newDataKey()): Promise<KeyView & { readonly key: string }> {
  if (!NAME.test(draft.name)) throw new SwitchyardError('invalid_value', 'The field `name` must be 1 to 100 printable characters.', { param: 'name' });
  const pool = draft.pool ?? null;
  if (pool !== null && !control.pools.includes(pool)) throw unknownPool(pool, control.pools);
  const accounts = draft.accounts === null ? null : await accountIds(control, draft.accounts);
  const id = newId('key', control.wallClockMs());
  await control.db.transaction().execute(async (transaction) => {
    await insertKey(transaction, {
      id,
      name: draft.name,
      digest: hashDataKey(secret),
      hint: keyHint(secret),
      models: draft.models === null ? null : [...draft.models],
      accounts,
      pool,
    });
    await announceChange(transaction);
  });
  await control.applied();
  const row = (await listKeys(control.db, 'all')).find((candidate) => candidate.id === id)!;
  return { ...view(row), key: secret };
}

export async function showKeys(control: Pick<Control, 'db'>): Promise<KeyView[]> {
  return (await listKeys(control.db, 'all')).map(view);
}

/** A key by its id, or a live one by its name. @throws SwitchyardError `not_found`, of the field `key` */
export async function findKey(control: Pick<Control, 'db'>, idOrName: string): Promise<KeyView> {
  const rows = await listKeys(control.db, 'all');
  const row = rows.find(({ id }) => id === idOrName) ?? rows.find(({ name, revoked_at: revokedAt }) => name === idOrName && revokedAt === null);
  if (row !== undefined) return view(row);
  const message = `There is no key "${idOrName}". The field \`key\` takes the id of a key, or the name of a live one; \`switchyard keys list\` and GET /api/keys list them.`;
  throw new SwitchyardError('not_found', message, { param: 'key' });
}

/**
 * Revokes a key, here before this returns and in other processes as soon as the database has told them (well under 1 s).
 * @throws SwitchyardError `not_found`
 */
export async function endKey(control: Control, id: string): Promise<KeyView> {
  const row = await control.db.transaction().execute(async (transaction) => {
    const revoked = await revokeKey(transaction, id);
    await announceChange(transaction);
    return revoked;
  });
  if (row === undefined) throw new SwitchyardError('not_found', `There is no key "${id}".`);
  await control.applied();
  return view(row);
}

function unknownPool(pool: string, pools: readonly string[]): SwitchyardError {
  const declared = pools.length === 0 ? 'none is declared' : `declared are ${pools.join(', ')}`;
  return new SwitchyardError(
    'invalid_value',
    `There is no pool "${pool}": ${declared}. Declare it in switchyard.toml as [pools.${pool}], and start the server again.`,
    {
      param: 'pool',
    },
  );
}

async function accountIds(control: Pick<Control, 'db'>, wanted: readonly string[]): Promise<string[]> {
  const rows = await listAccounts(control.db);
  return wanted.map((idOrName) => {
    const row = rows.find((candidate) => candidate.id === idOrName || candidate.name === idOrName);
    if (row === undefined) throw new SwitchyardError('invalid_value', `There is no account "${idOrName}".`, { param: 'accounts' });
    return row.id;
  });
}

function view(row: KeyRow): KeyView {
  return {
    id: row.id,
    name: row.name,
    hint: row.hint,
    models: row.models,
    accounts: row.accounts,
    pool: row.pool,
    created_at: row.created_at.toISOString(),
    revoked_at: row.revoked_at?.toISOString() ?? null,
  };
}
