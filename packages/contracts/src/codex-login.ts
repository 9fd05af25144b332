import { SwitchyardError } from './faults.ts';

/** A ChatGPT login as codex keeps it in `auth.json` (codex-protocol section 8.1). All but the account id are secrets. */
export interface CodexLogin {
  readonly access_token: string;
  /** Good for one renewal (codex-protocol section 8.2). */
  readonly refresh_token: string;
  readonly id_token: string | null;
  readonly account_id: string;
  /** When the tokens were renewed last, ISO 8601; null when that is not known. */
  readonly last_refresh: string | null;
}

const RENEWED_BEFORE_MS = 5 * 60_000;
/** Between two renewals, whatever the token says: the issuer's clock may be another, and each renewal spends a refresh token. */
const APART_MS = 60_000;
const LASTS_WITHOUT_EXP_MS = 8 * 86_400_000;
const HEADER_VALUE = /^[\x21-\x7e]{1,8192}$/;

/**
 * The login in the text of an `auth.json`.
 * @throws SwitchyardError `invalid_value` that says what it is instead; it never quotes the text
 */
export function parseCodexLogin(text: string): CodexLogin {
  let auth: Loose;
  try {
    auth = objectOr(JSON.parse(text));
  } catch {
    throw refusal('is not JSON; sign in again with `codex login`');
  }
  const tokens = objectOr(auth['tokens']);
  if (auth['tokens'] === undefined || auth['tokens'] === null) {
    if (typeof auth['OPENAI_API_KEY'] === 'string') throw refusal('holds an API key and no ChatGPT login; add the key as an account of kind "openai"');
    throw refusal('holds no ChatGPT login; sign in with `codex login`');
  }
  const access = tokens['access_token'];
  const refresh = tokens['refresh_token'];
  if (!isHeaderValue(access) || !isHeaderValue(refresh)) throw refusal('holds half a ChatGPT login; sign in again with `codex login`');
  const id = isHeaderValue(tokens['id_token']) ? tokens['id_token'] : null;
  const account = [tokens['account_id'], accountIn(access), id === null ? null : accountIn(id)].find(isHeaderValue);
  if (account === undefined) throw refusal('does not say which account it is for; sign in again with `codex login`');
  const renewed = auth['last_refresh'];
  return {
    access_token: access,
    refresh_token: refresh,
    id_token: id,
    account_id: account,
    last_refresh: typeof renewed === 'string' && !Number.isNaN(Date.parse(renewed)) ? renewed : null,
  };
}

/**
 * When to renew a login without waiting for a refusal: five minutes before its access token ends, as codex does; eight days after the last
 * time when the token does not say. Never before half of the token's life, so that one of a few minutes is not renewed without end.
 * Epoch milliseconds.
 */
export function renewLoginAtMs({ access_token: token, last_refresh: renewed }: Pick<CodexLogin, 'access_token' | 'last_refresh'>): number {
  const { exp, iat } = claimsOf(token);
  if (typeof exp === 'number' && Number.isFinite(exp)) {
    const dueMs = exp * 1_000 - RENEWED_BEFORE_MS;
    if (renewed === null) return dueMs;
    const renewedMs = Date.parse(renewed);
    // Both ends by the issuer's clock where it tells them: ours may be ahead by more than the token lives.
    const lifeMs = exp * 1_000 - (typeof iat === 'number' && Number.isFinite(iat) ? iat * 1_000 : renewedMs);
    return Math.max(dueMs, renewedMs + Math.max(lifeMs / 2, APART_MS));
  }
  // Of one that says neither, a refusal tells.
  return renewed === null ? Infinity : Date.parse(renewed) + LASTS_WITHOUT_EXP_MS;
}

type Loose = Readonly<Record<string, unknown>>;

function objectOr(value: unknown): Loose {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Loose) : {};
}

function isHeaderValue(value: unknown): value is string {
  return typeof value === 'string' && HEADER_VALUE.test(value);
}

/** What a token says of itself; nobody here can check its signature, and nothing but a time and a label is taken from it. */
function claimsOf(token: string): Loose {
  try {
    return objectOr(JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()));
  } catch {
    return {};
  }
}

function accountIn(token: string): unknown {
  return objectOr(claimsOf(token)['https://api.openai.com/auth'])['chatgpt_account_id'];
}

function refusal(what: string): SwitchyardError {
  return new SwitchyardError('invalid_value', `The auth.json of this Codex home ${what}.`, { param: 'codex_home' });
}
