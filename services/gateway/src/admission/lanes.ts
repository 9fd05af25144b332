import type { Lane } from '../routes.ts';

/** Requests in progress that each lane takes. @param percents  Shares of the active requests; together they may be more than all. */
export function laneLimits(maxActive: number, percents: Readonly<Record<Lane, number>>): Readonly<Record<Lane, number>> {
  const of = (lane: Lane): number => Math.max(1, Math.floor((maxActive * percents[lane]) / 100));
  return { responses: of('responses'), compact: of('compact'), websocket: of('websocket'), standard: of('standard') };
}

/** Requests that may wait for places at once, unless the operator says otherwise (product section 5). */
export function usualQueue(maxActive: number): number {
  return Math.min(1_024, Math.max(128, Math.floor(maxActive / 12)));
}

/**
 * Requests that one key may have in progress, unless the operator says otherwise: half of all, so that it cannot crowd out the others; all,
 * while there are no others.
 */
export function usualKeyLimit(maxActive: number, keys: number): number {
  return keys > 1 ? Math.max(1, Math.floor(maxActive / 2)) : Infinity;
}
