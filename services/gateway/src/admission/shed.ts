import type { Lane } from '../routes.ts';

/** Places in the order in which work gives way. */
export const SHED_RANKS = [0, 1, 2, 3] as const;
export type ShedRank = (typeof SHED_RANKS)[number];

/**
 * Who gives way first when there is too much to do: what was begun least. A compaction can be had again at the client's next turn; a
 * request by itself costs nobody a conversation; a new conversation costs more than that, and one that merely prefers its account most.
 * What only one account can continue is not here: it gives way to nobody (product section 5).
 */
const RANK_OF: Readonly<Record<Lane, { readonly fresh: ShedRank; readonly soft: ShedRank }>> = {
  compact: { fresh: 0, soft: 3 },
  standard: { fresh: 1, soft: 3 },
  responses: { fresh: 2, soft: 3 },
  websocket: { fresh: 2, soft: 3 },
};

/** @param kind  `soft` for a request that prefers an account, `fresh` for one that has none. */
export function shedRank(lane: Lane, kind: 'fresh' | 'soft'): ShedRank {
  return RANK_OF[lane][kind];
}
