/** What the upstreams are to do with one request, whichever of them gets it. */
export interface Plan {
  /** How many parts of an answer may go out; the first is the head, or all of an answer that is no stream. Grows as gates are opened. */
  allowed: number;
  /** Refusals, too, wait for that; else they go out at once. */
  readonly holdsRefusals: boolean;
  readonly deltas: number;
  /** Bytes of which each delta but the first is longer than usual. The first is not, so that it alone commits the answer. */
  readonly padding: number;
  readonly says: { readonly turnState: boolean; readonly calls: number; readonly encrypted: boolean };
  /** Where attempts are broken off, the first attempt first: behind so many parts. */
  readonly cuts: { readonly at: number; readonly how: 'cut' | 'reset' }[];
  /** Error codes with which streams fail before they have said anything, the first attempt first. */
  readonly failures: string[];
  /** An id that it tells as its own, though another account has made it. */
  readonly stolenId: string | null;
}

/** Lets everything out at once. */
export const ALL_PARTS = 1_000;
