/** The ids by which one request continues something earlier. A member is null when the request has none; the whole is, when it has nothing. */
export interface Claims {
  /** `x-codex-turn-state`: opaque, from an earlier answer of the same turn. */
  readonly turnState: string | null;
  readonly previousResponse: string | null;
  /** Thread or session of the client. */
  readonly session: string | null;
  /** Calls whose outputs end the input. */
  readonly calls: readonly string[] | null;
  /** A conversation object of the upstream's. */
  readonly conversation: string | null;
  /** Uploaded files that it names, wherever. */
  readonly files: readonly string[] | null;
  /** Fingerprint of the last encrypted item of the input. */
  readonly encrypted: string | null;
  readonly cacheKey: string | null;
  /** The input goes on from a compaction, which only the account that made it can read. */
  readonly isFollowUp: boolean;
  /** It asks for a compaction by the last item of its input, as it would by the lane (codex-protocol 5). */
  readonly isCompact: boolean;
}

/** The claims that are ids. */
export type ClaimedId = Exclude<keyof Claims, 'isFollowUp' | 'isCompact'>;

export const NO_CLAIMS: Claims = {
  turnState: null,
  previousResponse: null,
  session: null,
  calls: null,
  conversation: null,
  files: null,
  encrypted: null,
  cacheKey: null,
  isFollowUp: false,
  isCompact: false,
};
