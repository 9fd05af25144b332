import { UpstreamFailure } from '@switchyard/contracts';
import type { CodexLogin } from '@switchyard/contracts';
import { collectBody } from '../attempt/collect-body.ts';
import { Connections } from '../attempt/connections.ts';
import { HttpUpstream } from '../attempt/http-upstream.ts';

/** Why a login is renewed, as its issuer is told. */
export type RenewalReason = 'proactive_expiry' | 'unauthorized_recovery';

/** What came of asking for new tokens. `refused` is for good: the refresh token is spent, too old, or taken back. */
export type Renewal =
  | { readonly is: 'renewed'; readonly login: CodexLogin }
  | { readonly is: 'refused'; readonly code: string }
  | { readonly is: 'failed'; readonly why: string };

/** Where ChatGPT logins are renewed, and the client that codex is there (codex-protocol section 8.2). */
export const CHATGPT_TOKEN_URL = 'https://auth.openai.com/oauth/token';
const CLIENT_ID = 'app_EMoamEEZ73f0CkXaXp7hrann';
const TIMEOUT_MS = 10_000;
const MAX_BYTES = 65_536;
const TOKEN = /^[\x21-\x7e]{1,8192}$/;
const FOR_GOOD: ReadonlySet<string> = new Set(['refresh_token_expired', 'refresh_token_reused', 'refresh_token_invalidated', 'invalid_grant']);

/** Asks the issuer of a login for new tokens, once. It spends the refresh token: what comes back must be kept. Never rejects. */
export async function renewLogin(
  login: CodexLogin,
  tokenUrl: string,
  reason: RenewalReason,
  { connectTimeoutMs, wallClockMs }: { readonly connectTimeoutMs: number; readonly wallClockMs: () => number },
): Promise<Renewal> {
  const { origin, pathname, search } = new URL(tokenUrl);
  const connections = new Connections({ origin, connectTimeoutMs });
  const asked = { client_id: CLIENT_ID, grant_type: 'refresh_token', refresh_token: login.refresh_token, refresh_reason: reason };
  try {
    const answer = await new HttpUpstream(connections).dispatch({
      method: 'POST',
      path: pathname + search,
      headers: ['content-type', 'application/json', 'accept', 'application/json', 'accept-encoding', 'identity'],
      body: Buffer.from(JSON.stringify(asked)),
      headTimeoutMs: TIMEOUT_MS,
      idleTimeoutMs: TIMEOUT_MS,
    }).answer;
    const said = parsed(Buffer.concat((await collectBody(answer, MAX_BYTES)).front));
    if (answer.status === 200) return renewed(login, said, wallClockMs());
    const code = codeIn(said);
    return code !== null && FOR_GOOD.has(code) ? { is: 'refused', code } : { is: 'failed', why: `status ${answer.status}${code === null ? '' : ` (${code})`}` };
  } catch (error) {
    if (!(error instanceof UpstreamFailure)) throw error;
    return { is: 'failed', why: error.detail ?? error.message };
  } finally {
    await connections.close();
  }
}

type Loose = Readonly<Record<string, unknown>>;

function renewed(login: CodexLogin, said: Loose, nowMs: number): Renewal {
  const token = (name: string, otherwise: string | null): string | null => {
    const value = said[name];
    return typeof value === 'string' && TOKEN.test(value) ? value : otherwise;
  };
  const access = token('access_token', null);
  if (access === null) return { is: 'failed', why: 'an answer without an access token' };
  return {
    is: 'renewed',
    login: {
      access_token: access,
      refresh_token: token('refresh_token', login.refresh_token)!,
      id_token: token('id_token', login.id_token),
      account_id: login.account_id,
      last_refresh: new Date(nowMs).toISOString(),
    },
  };
}

function parsed(body: Buffer): Loose {
  try {
    const value: unknown = JSON.parse(body.toString());
    return typeof value === 'object' && value !== null ? (value as Loose) : {};
  } catch {
    return {};
  }
}

/** `{error: {code}}`, `{error: "code"}` or `{code}`: issuers have all three. */
function codeIn({ error, code }: Loose): string | null {
  const found = typeof error === 'object' && error !== null ? (error as Loose)['code'] : (error ?? code);
  return typeof found === 'string' && /^[\w.-]{1,100}$/.test(found) ? found : null;
}
