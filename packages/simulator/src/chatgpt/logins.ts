import { claimsIn, unsignedJwt } from './unsigned-jwt.ts';

/** A ChatGPT login that a script makes known. */
export interface Login {
  readonly accountId: string;
  /** Good for one renewal; the answer brings the next. */
  readonly refreshToken: string;
  /** Accepted as a credential until its `exp`, for ever without one. */
  readonly accessToken?: string;
  /** How long the access tokens last that a renewal gives out, in seconds; an hour unless said otherwise. */
  readonly lastsS?: number;
}

/** What a renewal gives out. */
export interface Tokens {
  readonly access_token: string;
  readonly refresh_token: string;
  readonly id_token: string;
}

/** Whose an access token is. */
export interface Bearer {
  readonly label: string;
  readonly accountId: string;
}

const LASTS_S = 3_600;

/** Who is signed in, as tokens say it. */
export function identityOf(accountId: string): Readonly<Record<string, unknown>> {
  return {
    email: 'codex@example.invalid',
    'https://api.openai.com/auth': { chatgpt_account_id: accountId, chatgpt_user_id: `user-of-${accountId}`, chatgpt_plan_type: 'plus' },
  };
}

/** The logins of one simulator, with refresh tokens that can be used once, as those of the real issuer (codex-protocol 8.2). */
export class Logins {
  readonly #newId: (prefix: string) => string;
  readonly #seconds: () => number;
  readonly #byRefreshToken = new Map<string, { readonly label: string; readonly login: Login }>();
  readonly #spent = new Set<string>();
  readonly #accepted = new Map<string, Bearer>();

  constructor(newId: (prefix: string) => string, seconds: () => number) {
    this.#newId = newId;
    this.#seconds = seconds;
  }

  /** Whether a script has made any known: then other credentials are refused. */
  get areKnown(): boolean {
    return this.#byRefreshToken.size > 0;
  }

  add(label: string, login: Login): void {
    this.#byRefreshToken.set(login.refreshToken, { label, login });
    if (login.accessToken !== undefined) this.#accepted.set(login.accessToken, { label, accountId: login.accountId });
  }

  clear(): void {
    this.#byRefreshToken.clear();
    this.#spent.clear();
    this.#accepted.clear();
  }

  /** Whose access token it is; undefined when it is nobody's, or its time is over. */
  find(accessToken: string): Bearer | undefined {
    const bearer = this.#accepted.get(accessToken);
    if (bearer === undefined) return undefined;
    const { exp } = claimsIn(accessToken);
    return exp === undefined || exp > this.#seconds() ? bearer : undefined;
  }

  /** Ends the access tokens of a login; its refresh token stays good. */
  expire(label: string): void {
    for (const [token, bearer] of this.#accepted) if (bearer.label === label) this.#accepted.delete(token);
  }

  /** Renews a login, which spends the token that was sent. */
  renew(refreshToken: string): Tokens | 'refresh_token_reused' | 'refresh_token_invalidated' {
    const known = this.#byRefreshToken.get(refreshToken);
    if (known === undefined) return this.#spent.has(refreshToken) ? 'refresh_token_reused' : 'refresh_token_invalidated';
    const { label, login } = known;
    const { accountId, lastsS = LASTS_S } = login;
    const claims = { ...identityOf(accountId), jti: this.#newId('jti'), iat: this.#seconds(), exp: this.#seconds() + lastsS };
    const tokens = {
      access_token: unsignedJwt(claims),
      refresh_token: this.#newId('rt'),
      id_token: unsignedJwt(claims),
    };
    this.#byRefreshToken.delete(refreshToken);
    this.#spent.add(refreshToken);
    this.#byRefreshToken.set(tokens.refresh_token, known);
    this.#accepted.set(tokens.access_token, { label, accountId });
    return tokens;
  }
}
