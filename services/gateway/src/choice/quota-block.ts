/** The block of an account that refused for its quota, as far as one process knows. Wall clock, milliseconds; 0 is never. */
export interface QuotaBlock {
  readonly untilMs: number;
  readonly sinceMs: number;
  /** Blocks that began by then have been ended by a second look. */
  readonly liftedMs: number;
}

export const NO_BLOCK: QuotaBlock = { untilMs: 0, sinceMs: 0, liftedMs: 0 };

/** The same block on a wall clock that was set back by so much, so that it does not last longer for that. */
export function movedBack({ untilMs, sinceMs, liftedMs }: QuotaBlock, byMs: number): QuotaBlock {
  const back = (ms: number): number => (ms === 0 ? 0 : Math.max(1, ms - byMs));
  return { untilMs: back(untilMs), sinceMs: back(sinceMs), liftedMs: back(liftedMs) };
}

/**
 * What two processes know together, or one of what it knew and what it has heard: of the blocks that nobody has lifted the one that lasts
 * longest, whichever was learnt first. A refusal that names a shorter time says nothing against a longer one.
 * @see product section 3
 */
export function mergeBlocks(a: QuotaBlock, b: QuotaBlock): QuotaBlock {
  const liftedMs = Math.max(a.liftedMs, b.liftedMs);
  const [first, second] = [a, b].map((each) => (each.sinceMs > liftedMs ? each : NO_BLOCK)) as [QuotaBlock, QuotaBlock];
  const isFirst = first.untilMs > second.untilMs || (first.untilMs === second.untilMs && first.sinceMs >= second.sinceMs);
  const { untilMs, sinceMs } = isFirst ? first : second;
  return { untilMs, sinceMs, liftedMs };
}
