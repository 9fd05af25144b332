import { sql } from 'kysely';
import type { Kysely, RawBuilder, Selectable } from 'kysely';
import { SwitchyardError } from '@switchyard/contracts';
import type { DB } from './schema.gen.ts';

export type AccountRow = Selectable<DB['gateway.account']>;

/** All accounts, oldest first. */
export function listAccounts(db: Kysely<DB>): Promise<AccountRow[]> {
  return db.selectFrom('gateway.account').selectAll().orderBy('created_at').orderBy('id').execute();
}

/**
 * The version of each account's row, which is another after each change of it: what says so without reading what is in the row.
 * @param ids  Of these; null is all. One that is not there has none.
 */
export async function accountVersions(db: Kysely<DB>, ids: readonly string[] | null): Promise<Map<string, string>> {
  const all = db
    .selectFrom('gateway.account')
    .select(['id', VERSION.as('version')])
    .orderBy('created_at')
    .orderBy('id');
  const rows = await (ids === null ? all : all.where('id', '=', anyOf(ids))).execute();
  return new Map(rows.map(({ id, version }) => [id, version]));
}

/**
 * What requests need of accounts, each with its version, oldest first.
 * @param ids  Of these; null is all.
 */
export function readAccounts(db: Kysely<DB>, ids: readonly string[] | null): Promise<(UsedAccount & { readonly version: string })[]> {
  const all = db.selectFrom('gateway.account').select(USED).select(VERSION.as('version')).orderBy('created_at').orderBy('id');
  return (ids === null ? all : all.where('id', '=', anyOf(ids))).execute();
}

// Named one by one: with very many accounts each column that nobody looks at takes its time at the start.
const USED = [
  'id',
  'name',
  'kind',
  'source',
  'base_url',
  'models',
  'priority',
  'organization',
  'project',
  'credential',
  'header_names',
  'sealed_headers',
  'created_at',
  'websocket',
  'max_in_flight',
  'soft_in_flight',
  'reserve_percent',
  'model_map',
  'codex_home',
  'login_state',
] as const satisfies readonly (keyof AccountRow)[];

/** What requests need of an account. */
export type UsedAccount = Pick<AccountRow, (typeof USED)[number]>;

/** The transaction that wrote a row; PostgreSQL keeps it with the row. */
const VERSION = sql<string>`xmin::text`;

function anyOf(ids: readonly string[]): RawBuilder<string> {
  return sql<string>`any(${ids}::text[])`;
}

/** One account by id or by name. */
export function findAccount(db: Kysely<DB>, idOrName: string): Promise<AccountRow | undefined> {
  return db
    .selectFrom('gateway.account')
    .selectAll()
    .where((eb) => eb.or([eb('id', '=', idOrName), eb('name', '=', idOrName)]))
    .executeTakeFirst();
}

export type NewAccount = Pick<
  AccountRow,
  | 'id'
  | 'name'
  | 'kind'
  | 'source'
  | 'base_url'
  | 'models'
  | 'models_from'
  | 'priority'
  | 'organization'
  | 'project'
  | 'credential'
  | 'header_names'
  | 'sealed_headers'
  | 'websocket'
  | 'max_in_flight'
  | 'soft_in_flight'
  | 'reserve_percent'
> &
  Partial<Pick<AccountRow, 'token_url' | 'codex_home'>> & {
    /** JSON text. */
    readonly model_map: string | null;
  };

/** @throws SwitchyardError `name_taken` */
export async function insertAccount(db: Kysely<DB>, account: NewAccount): Promise<void> {
  const added = await db
    .insertInto('gateway.account')
    .values(account)
    .onConflict((conflict) => conflict.column('name').doNothing())
    .executeTakeFirst();
  if (added.numInsertedOrUpdatedRows === 0n) throw new SwitchyardError('name_taken', `There is an account named "${account.name}" already.`, { param: 'name' });
}

/**
 * Brings the row of an account that is declared elsewhere (file or built in) up to date, keeping its id.
 * @throws SwitchyardError `name_taken` when the API made one of that name
 */
export async function upsertDeclaredAccount(db: Kysely<DB>, account: Omit<NewAccount, 'models'> & { readonly models: string[] | null }): Promise<void> {
  const { models, ...rest } = account;
  const row = await db
    .insertInto('gateway.account')
    .values({ ...rest, models: models ?? [] })
    .onConflict((conflict) =>
      conflict
        .column('name')
        .doUpdateSet({
          kind: rest.kind,
          base_url: rest.base_url,
          ...(models === null ? {} : { models }),
          models_from: rest.models_from,
          priority: rest.priority,
          organization: rest.organization,
          project: rest.project,
          header_names: rest.header_names,
          websocket: rest.websocket,
          max_in_flight: rest.max_in_flight,
          soft_in_flight: rest.soft_in_flight,
          reserve_percent: rest.reserve_percent,
          model_map: rest.model_map,
          updated_at: sql`now()`,
        })
        .where('gateway.account.source', '=', rest.source),
    )
    .returning('id')
    .executeTakeFirst();
  if (row === undefined)
    throw new SwitchyardError(
      'name_taken',
      `The account "${account.name}" of switchyard.toml has the name of one that was added by command; remove or rename one of them.`,
      { param: 'name' },
    );
}

/** Takes over what an upstream has said of its models, where those are asked for. */
export async function updateModels(db: Kysely<DB>, id: string, models: readonly string[]): Promise<void> {
  await db
    .updateTable('gateway.account')
    .set({ models: [...models], updated_at: sql`now()` })
    .where('id', '=', id)
    .where('models_from', '=', 'listed')
    .execute();
}

/** Forgets an account and what was bound to it; call it in a transaction. @returns whether there was one */
export async function deleteAccount(db: Kysely<DB>, id: string): Promise<boolean> {
  await db.deleteFrom('gateway.binding').where('account_id', '=', id).execute();
  const { numDeletedRows } = await db.deleteFrom('gateway.account').where('id', '=', id).executeTakeFirst();
  return numDeletedRows > 0n;
}
