import type { Lane } from '../routes.ts';

/** Lanes that figures are kept for. */
export const LANE_COUNT = 4;

/**
 * Place of a lane in the figures of an account. The two of a pair, which share their troubles, lie side by side: the other one of
 * `at` is `at ^ 1` (product section 3: responses is coupled with websocket, compact with standard).
 */
export const LANE_AT = { responses: 0, websocket: 1, compact: 2, standard: 3 } as const satisfies Readonly<Record<Lane, number>>;

/** Families of lanes, which have edges and weights of quota of their own: 0 is responses and websocket, 1 compact and standard. */
export type LaneFamily = 0 | 1;

export function familyOf(lane: number): LaneFamily {
  return lane < LANE_AT.compact ? 0 : 1;
}
