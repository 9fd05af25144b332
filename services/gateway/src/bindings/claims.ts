/** The ids by which one request continues something earlier. A member is null when the request has none; the whole is, when it has nothing. */
export interface Claims {
  /** `x-codex-turn-state`: opaque, from an earlier answer of the same turn. */
  readonly turnState: string | null;
  readonly previousResponse: string | null;
  /** Thread or session of the client. */
  readonly session: string | null;
  /** Calls whose outputs end the input. */
  readonly calls: readonly string[] | null;
  /** Fingerprint of the last encrypted item of the input. */
  readonly encrypted: string | null;
  readonly cacheKey: string | null;
}
