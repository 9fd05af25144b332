/** Claims of a token. */
export type TokenClaims = Readonly<Record<string, unknown>> & {
  /** Epoch seconds. */
  readonly exp?: number;
};

/** A token in the form of those that ChatGPT gives out. Nobody checks its signature, which is none (codex-protocol 8.1). */
export function unsignedJwt(claims: TokenClaims): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'none', typ: 'JWT' })}.${part(claims)}.unsigned`;
}

/** The claims of a token; empty when it is none. */
export function claimsIn(token: string): TokenClaims {
  try {
    return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as TokenClaims;
  } catch {
    return {};
  }
}
