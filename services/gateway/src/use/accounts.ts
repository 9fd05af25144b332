import { isDeepStrictEqual } from 'node:util';
import { SwitchyardError, newId } from '@switchyard/contracts';
import { accountHeaders, basePathOf, checkDraft } from '../accounts/account-draft.ts';
import type { AccountDraft } from '../accounts/account-draft.ts';
import { openLogin, openSecrets, sealLogin, sealSecrets } from '../accounts/account-secrets.ts';
import type { AccountKind, Snapshot } from '../choice/account.ts';
import { Connections } from '../attempt/connections.ts';
import { HttpUpstream } from '../attempt/http-upstream.ts';
import { listModels } from '../attempt/list-models.ts';
import { deleteAccount, findAccount, insertAccount, listAccounts, updateModels, upsertDeclaredAccount } from '../store/accounts.ts';
import type { AccountRow } from '../store/accounts.ts';
import { announceChange } from '../store/announce.ts';
import { isDeclared } from '../store/instance.ts';
import type { Control } from './control.ts';

/** An account as our API shows it: everything but its credential. */
export interface AccountView {
  readonly id: string;
  readonly name: string;
  readonly kind: string;
  readonly source: string;
  readonly base_url: string;
  readonly models: readonly string[];
  readonly models_from: string;
  readonly priority: number;
  readonly organization: string | null;
  readonly project: string | null;
  /** Names of its extra headers; their values may be secret. */
  readonly header_names: readonly string[];
  readonly has_credential: boolean;
  readonly websocket: boolean;
  /** Null: no limit. */
  readonly max_in_flight: number | null;
  readonly soft_in_flight: number | null;
  readonly reserve_percent: number;
  /** Of a ChatGPT login: `needs_login` once its issuer has refused it for good; else `ok`. */
  readonly login_state: string;
  /** Names that its upstream has for models, by ours; empty when they are the same. */
  readonly model_map: Readonly<Record<string, string>>;
  readonly created_at: string;
}

/**
 * Adds an account. When it returns, the next request can use it and its models are known.
 * @throws SwitchyardError `invalid_value`, `name_taken`, `account_refused`
 */
export async function addAccount(control: Control, draft: AccountDraft): Promise<AccountView> {
  checkDraft(draft);
  if ((await findAccount(control.db, draft.name)) !== undefined)
    throw new SwitchyardError('name_taken', `There is an account named "${draft.name}" already.`, { param: 'name' });
  const models = draft.models ?? (await askModels(control, draft));
  if (models.length === 0) throw new SwitchyardError('account_refused', 'The upstream lists no models; name them yourself.', { param: 'models' });
  const id = newId('account', control.wallClockMs());
  await control.db.transaction().execute(async (transaction) => {
    await insertAccount(transaction, {
      id,
      name: draft.name,
      kind: draft.kind,
      source: 'api',
      base_url: draft.baseUrl,
      models: [...models],
      models_from: draft.models === null ? 'listed' : 'given',
      priority: draft.priority,
      organization: draft.organization,
      project: draft.project,
      websocket: draft.websocket,
      max_in_flight: draft.maxInFlight,
      soft_in_flight: draft.softInFlight,
      reserve_percent: draft.reservePercent,
      model_map: mapText(draft),
      ...sealSecrets(control.vault, id, draft),
      ...(draft.login === undefined
        ? {}
        : { credential: sealLogin(control.vault, id, draft.login.tokens), token_url: draft.login.tokenUrl, codex_home: draft.login.codexHome }),
    });
    await announceChange(transaction, id);
  });
  await control.applied(id);
  return view((await findAccount(control.db, id))!);
}

/**
 * Brings an account that is declared elsewhere (file or built in) up to date.
 * @param models  What is known of its models; null when the upstream could not be asked: then what was known before stays.
 */
export async function declareAccount(control: Control, draft: AccountDraft, source: 'file' | 'builtin', models: readonly string[] | null): Promise<void> {
  checkDraft(draft);
  await upsertDeclaredAccount(control.db, {
    id: newId('account', control.wallClockMs()),
    name: draft.name,
    kind: draft.kind,
    source,
    base_url: draft.baseUrl,
    models: models === null ? null : [...models],
    models_from: draft.models === null ? 'listed' : 'given',
    priority: draft.priority,
    organization: draft.organization,
    project: draft.project,
    websocket: draft.websocket,
    max_in_flight: draft.maxInFlight,
    soft_in_flight: draft.softInFlight,
    reserve_percent: draft.reservePercent,
    model_map: mapText(draft),
    // Secrets come anew from the file at each start; the row keeps none.
    credential: null,
    header_names: Object.keys(draft.headers),
    sealed_headers: null,
  });
}

/** Asks an upstream for the models of an account that is being made. @throws SwitchyardError `account_refused`, also when we close meanwhile */
export async function askModels(
  { connectTimeoutMs, closing }: Pick<Control, 'connectTimeoutMs' | 'closing'>,
  draft: Omit<AccountDraft, 'name' | 'models' | 'priority' | 'websocket' | 'maxInFlight' | 'softInFlight' | 'reservePercent' | 'modelMap'>,
): Promise<string[]> {
  const connections = new Connections({ origin: new URL(draft.baseUrl).origin, connectTimeoutMs });
  const close = (): Promise<void> => connections.close();
  closing.addEventListener('abort', close);
  try {
    // One that has closed already does not ask any more.
    if (closing.aborted) await close();
    return await listModels(
      new HttpUpstream(connections),
      basePathOf(draft.baseUrl),
      accountHeaders({ ...draft, login: draft.login?.tokens ?? null }),
      draft.kind,
    );
  } finally {
    closing.removeEventListener('abort', close);
    await close();
  }
}

export async function showAccounts(control: Pick<Control, 'db'>): Promise<AccountView[]> {
  return (await listAccounts(control.db)).map(view);
}

/**
 * Removes an account. One that was declared elsewhere can go as soon as neither the process at hand nor any other that lives declares it.
 * @throws SwitchyardError `not_found`, `held_by_file`
 */
export async function removeAccount(control: Control, idOrName: string): Promise<AccountView> {
  const row = await existing(control, idOrName);
  if (row.source !== 'api' && control.declaredNames().has(row.name)) {
    const where =
      row.source === 'builtin'
        ? 'The sandbox is built in; switch it off with `gateway.sandbox = false`, and start the server again.'
        : `The account "${row.name}" is declared in switchyard.toml; remove it there, and start the server again.`;
    throw new SwitchyardError('held_by_file', where);
  }
  await control.db.transaction().execute(async (transaction) => {
    if (row.source !== 'api' && (await isDeclared(transaction, row.name)))
      throw new SwitchyardError(
        'held_by_file',
        `The account "${row.name}" is declared by another server that runs on this database; take it out of that server's switchyard.toml, and start that server again.`,
      );
    await deleteAccount(transaction, row.id);
    await announceChange(transaction, row.id);
  });
  await control.applied(row.id);
  return view(row);
}

export interface AccountTest {
  readonly account: AccountView;
  readonly models: readonly string[];
  /** Whether they are others than were known, and are served from now on. */
  readonly learnt: boolean;
  readonly duration_ms: number;
}

/**
 * Asks an account's upstream for its models, and takes them over where it is the upstream that names them.
 * @param loaded  The accounts as a running server has them, with every credential; null: only stored credentials are at hand.
 * @throws SwitchyardError `not_found`, `held_by_file`, `account_refused`
 */
export async function testAccount(control: Control, idOrName: string, nowMs: () => number, loaded: Pick<Snapshot, 'byId'> | null = null): Promise<AccountTest> {
  const row = await existing(control, idOrName);
  const account = loaded?.byId.get(row.id);
  const startedMs = nowMs();
  const models = account === undefined ? await askStored(control, row) : await listModels(account.upstream, account.basePath, account.headers, account.kind);
  const durationMs = Math.round(nowMs() - startedMs);
  const learnt = await learn(control, row, models);
  return { account: view(learnt ? { ...row, models } : row), models, learnt, duration_ms: durationMs };
}

async function learn(control: Control, { id, models: known, models_from: from }: AccountRow, models: readonly string[]): Promise<boolean> {
  if (from !== 'listed' || models.length === 0 || isDeepStrictEqual(known, models)) return false;
  await control.db.transaction().execute(async (transaction) => {
    await updateModels(transaction, id, models);
    await announceChange(transaction, id);
  });
  await control.applied(id);
  return true;
}

async function askStored(control: Control, row: AccountRow): Promise<string[]> {
  if (row.source !== 'api') throw new SwitchyardError('held_by_file', `The credential of "${row.name}" is not stored; start the server to test it.`);
  const kind = row.kind as AccountKind;
  return askModels(control, {
    kind,
    baseUrl: row.base_url,
    organization: row.organization,
    project: row.project,
    ...openSecrets(control.vault, row),
    ...(kind === 'chatgpt' ? { login: { tokens: openLogin(control.vault, row), tokenUrl: row.token_url, codexHome: row.codex_home } } : {}),
  });
}

async function existing(control: Pick<Control, 'db'>, idOrName: string): Promise<AccountRow> {
  const row = await findAccount(control.db, idOrName);
  if (row === undefined) throw new SwitchyardError('not_found', `There is no account "${idOrName}".`);
  return row;
}

function mapText({ modelMap }: AccountDraft): string | null {
  return Object.keys(modelMap).length === 0 ? null : JSON.stringify(modelMap);
}

function view(row: AccountRow): AccountView {
  return {
    id: row.id,
    name: row.name,
    kind: row.kind,
    source: row.source,
    base_url: row.base_url,
    models: row.models,
    models_from: row.models_from,
    priority: row.priority,
    organization: row.organization,
    project: row.project,
    header_names: row.header_names,
    has_credential: row.credential !== null,
    websocket: row.websocket,
    max_in_flight: row.max_in_flight,
    soft_in_flight: row.soft_in_flight,
    reserve_percent: row.reserve_percent,
    login_state: row.login_state,
    model_map: (row.model_map ?? {}) as Readonly<Record<string, string>>,
    created_at: row.created_at.toISOString(),
  };
}
