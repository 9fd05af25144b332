import { isAbsolute } from 'node:path';
import type { NewAccount } from '@switchyard/contracts/api';
import { ACCOUNT_RULES, accountHeadersProblem, isBuiltInName } from '@switchyard/config';
import { SwitchyardError } from '@switchyard/contracts';
import type { CodexLogin } from '@switchyard/contracts';
import type { AccountKind } from '../choice/account.ts';

/** What an account is made from, wherever it was declared. */
export interface AccountDraft {
  readonly name: string;
  readonly kind: AccountKind;
  readonly baseUrl: string;
  /** In the clear: it lives no longer than the call, and is stored sealed. */
  readonly credential: string | null;
  /** Null: ask the upstream. */
  readonly models: readonly string[] | null;
  readonly priority: number;
  readonly organization: string | null;
  readonly project: string | null;
  readonly headers: Readonly<Record<string, string>>;
  /** Whether it speaks WebSocket on `/responses`. */
  readonly websocket: boolean;
  /** Requests in flight at which the account is passed over, and from which others go first; null: no limit. */
  readonly maxInFlight: number | null;
  readonly softInFlight: number | null;
  /** Percent of its quota that is kept for what the account owns. */
  readonly reservePercent: number;
  /** What an account of kind `chatgpt` has in place of a credential. */
  readonly login?: LoginDraft;
  /** The names that its upstream has for models, by ours. */
  readonly modelMap: Readonly<Record<string, string>>;
}

/** A ChatGPT login that is to become an account. */
export interface LoginDraft {
  /** In the clear, like a credential. */
  readonly tokens: CodexLogin;
  /** Where its tokens are renewed; null: at ChatGPT's issuer. */
  readonly tokenUrl: string | null;
  /** The Codex home that it came from, where a new login is looked for; null: none. */
  readonly codexHome: string | null;
}

/** Requests in flight at an account of kind `chatgpt` from which others go first, and at which it is passed over. */
const CHATGPT_IN_FLIGHT = { soft: 4, most: 8 };

/** What a caller of our API asks for as a draft, with the defaults filled in. */
export function draftOf(asked: NewAccount): AccountDraft {
  return {
    name: asked.name,
    kind: asked.kind,
    baseUrl: asked.base_url,
    credential: asked.credential ?? null,
    models: asked.models ?? null,
    priority: asked.priority ?? 100,
    organization: asked.organization ?? null,
    project: asked.project ?? null,
    headers: asked.headers ?? {},
    // The CLI tries a WebSocket first with a login, so that it is there (codex-protocol 3).
    websocket: asked.websocket ?? asked.kind === 'chatgpt',
    // As many at once as its backend takes from one user (product section 3).
    maxInFlight: asked.max_in_flight ?? (asked.kind === 'chatgpt' ? Math.max(CHATGPT_IN_FLIGHT.most, asked.soft_in_flight ?? 0) : null),
    softInFlight: asked.soft_in_flight ?? (asked.kind === 'chatgpt' ? Math.min(CHATGPT_IN_FLIGHT.soft, asked.max_in_flight ?? Infinity) : null),
    reservePercent: asked.reserve_percent ?? 0,
    ...(asked.login === undefined ? {} : { login: { tokens: asked.login, tokenUrl: asked.token_url ?? null, codexHome: asked.codex_home ?? null } }),
    modelMap: asked.model_map ?? {},
  };
}

/**
 * Checks what a person or a script has written.
 * @throws SwitchyardError `invalid_value`, naming the field; never quoting the credential
 */
export function checkDraft(draft: AccountDraft): void {
  const hold = (param: string, rule: keyof typeof ACCOUNT_RULES, value: string | null): void => {
    if (value !== null) refuseUnless(ACCOUNT_RULES[rule].holds(value), param, ACCOUNT_RULES[rule].must);
  };
  hold('name', 'name', draft.name);
  if (draft.kind !== 'sandbox') refuseUnless(!isBuiltInName(draft.name), 'name', 'must not be "sandbox": that one is built in');
  refuseUnless(isBaseUrl(draft.baseUrl), 'base_url', 'must be an http or https address without user, query or fragment, such as https://api.openai.com/v1');
  if (draft.kind === 'openai') refuseUnless(draft.credential !== null, 'credential', 'is needed for an account of kind "openai"');
  hold('credential', 'credential', draft.credential);
  if (draft.kind === 'chatgpt') checkLogin(draft);
  else refuseUnless(draft.login === undefined, 'login', 'is for accounts of kind "chatgpt"');
  if (draft.models !== null) refuseUnless(draft.models.length > 0, 'models', 'must name at least one model, or be left out to ask the upstream');
  for (const model of draft.models ?? []) hold('models', 'model', model);
  refuseUnless(Number.isInteger(draft.priority) && draft.priority >= 0 && draft.priority <= 1_000_000, 'priority', 'must be a whole number from 0 to 1000000');
  holdWhole('max_in_flight', draft.maxInFlight, 1, MOST_IN_FLIGHT);
  holdWhole('soft_in_flight', draft.softInFlight, 1, MOST_IN_FLIGHT);
  if (draft.maxInFlight !== null && draft.softInFlight !== null)
    refuseUnless(draft.softInFlight <= draft.maxInFlight, 'soft_in_flight', 'must not be above `max_in_flight`');
  holdWhole('reserve_percent', draft.reservePercent, 0, 99);
  for (const [ours, theirs] of Object.entries(draft.modelMap)) for (const name of [ours, theirs]) hold('model_map', 'model', name);
  hold('organization', 'label', draft.organization);
  hold('project', 'label', draft.project);
  const problem = accountHeadersProblem(draft.headers);
  refuseUnless(problem === null, 'headers', problem ?? '');
}

const MOST_IN_FLIGHT = 1_000_000;

function holdWhole(param: string, value: number | null, least: number, most: number): void {
  if (value !== null) refuseUnless(Number.isInteger(value) && value >= least && value <= most, param, `must be a whole number from ${least} to ${most}`);
}

function checkLogin({ credential, login }: AccountDraft): void {
  refuseUnless(credential === null, 'credential', 'is not for accounts of kind "chatgpt": they have a login');
  if (login === undefined) throw new SwitchyardError('missing_required_parameter', 'An account of kind "chatgpt" needs its `login`.', { param: 'login' });
  const { tokens, tokenUrl, codexHome } = login;
  const secrets = [tokens.access_token, tokens.refresh_token, tokens.account_id, ...(tokens.id_token === null ? [] : [tokens.id_token])];
  refuseUnless(secrets.every(isHeaderValue), 'login', 'must hold tokens of 1 to 8192 visible ASCII characters');
  if (tokenUrl !== null) refuseUnless(isBaseUrl(tokenUrl), 'token_url', 'must be an http or https address without user, query or fragment');
  if (codexHome !== null) refuseUnless(isAbsolute(codexHome) && !codexHome.includes('\0'), 'codex_home', 'must be the whole path of a folder');
}

function isHeaderValue(text: string): boolean {
  return /^[\x21-\x7e]{1,8192}$/.test(text);
}

function refuseUnless(holds: boolean, param: string, must: string): void {
  if (!holds) throw new SwitchyardError('invalid_value', `The field \`${param}\` ${must}.`, { param });
}

function isBaseUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  return (url.protocol === 'http:' || url.protocol === 'https:') && url.username === '' && url.password === '' && url.search === '' && url.hash === '';
}

/** Headers that an account puts on each request, flat: its credential and its own settings. */
export function accountHeaders(
  draft: Pick<AccountDraft, 'credential' | 'organization' | 'project' | 'headers'> & { readonly login: CodexLogin | null },
): string[] {
  const flat: string[] = [];
  const { login } = draft;
  if (login !== null) flat.push('authorization', `Bearer ${login.access_token}`, 'chatgpt-account-id', login.account_id);
  else if (draft.credential !== null) flat.push('authorization', `Bearer ${draft.credential}`);
  if (draft.organization !== null) flat.push('openai-organization', draft.organization);
  if (draft.project !== null) flat.push('openai-project', draft.project);
  for (const [name, value] of Object.entries(draft.headers)) flat.push(name, value);
  return flat;
}

/** The path of a base URL without a slash at its end: `/v1` of `https://host/v1/`. */
export function basePathOf(baseUrl: string): string {
  return new URL(baseUrl).pathname.replace(/\/+$/, '');
}
