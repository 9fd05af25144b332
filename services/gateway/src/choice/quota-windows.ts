import { routeBand } from './bands.ts';
import type { Band } from './bands.ts';
import type { LaneFamily } from './lanes.ts';
import { pressureOf } from './pressure.ts';
import { NO_BLOCK, mergeBlocks, movedBack } from './quota-block.ts';
import type { QuotaBlock } from './quota-block.ts';
import { QuotaTrail } from './quota-trail.ts';
import type { QuotaReading, WindowReading } from './read-quota.ts';

/** For so long what an answer told counts more than what was asked for. */
const FRESH_MS = 300_000;
/** A reading that is older, or that an earlier life left, still orders but comes after live ones. */
export const TOLERATED_MS = 1_800_000;
/** Two observations that there is quota left end a block when they lie this far apart. */
const SECOND_LOOK_MS = 15_000;
/** A block for which nobody named an end. */
const BLOCK_MS = 300_000;
/** The same for a limit by the minute, which upstreams name `rate_limit_exceeded`. */
const SHORT_BLOCK_MS = 20_000;
/** A window that is used up and told neither length nor reset. */
const UNTOLD_RESET_MS = 1_800_000;
/** What is written behind: a move of a percent point, or what was heard a minute after the last. */
const WRITTEN_POINTS = 1;
const WRITTEN_MS = 60_000;

/** What was learnt so much later than now was learnt by a clock that has been set back since. */
const AHEAD_MS = 3_600_000;

/** One window as it is kept. */
export interface QuotaWindow {
  readonly usedPercent: number;
  readonly windowS: number | null;
  /** Wall clock, milliseconds. Past it the window is full again. */
  readonly resetAtMs: number;
}

/** What is known of an account's quota; `null` windows are not known. */
export interface HeldQuota {
  readonly short: QuotaWindow | null;
  readonly weekly: QuotaWindow | null;
  readonly source: QuotaReading['source'];
  readonly atMs: number;
  readonly planType: string | null;
}

/** A quota as it is stored, for a restart. Times on the wall clock, milliseconds. */
export interface QuotaRecord {
  readonly held: HeldQuota | null;
  readonly seenAtMs: number;
  readonly block: QuotaBlock;
}

interface Entry {
  held: HeldQuota | null;
  block: QuotaBlock;
  /** When the first observation after the block said that there is quota; 0 before it. */
  hopeAtMs: number;
  /** What was last given out to be written. */
  written: HeldQuota | null;
  trails: { readonly short: QuotaTrail; readonly weekly: QuotaTrail };
}

/**
 * The quota of accounts by slot: what upstreams say is left, and blocks. A block, which a refusal taught, outranks every reading until it
 * ends or a second look says otherwise; between readings the newer counts. Accounts that never speak of a quota have no entry: unmetered.
 * All times are on the wall clock, as resets are.
 * @see product section 3
 */
export class QuotaWindows {
  readonly #entries: (Entry | undefined)[] = [];
  readonly #changed = new Set<number>();

  /** Takes what an answer or an event told. */
  observe(slot: number, reading: QuotaReading): void {
    const entry = this.#entry(slot);
    const before = entry.held;
    if (before !== null && reading.atMs < before.atMs) return;
    const held: HeldQuota = {
      short: reading.short === null ? (before?.short ?? null) : windowOf(reading.short, reading.atMs),
      weekly: reading.weekly === null ? (before?.weekly ?? null) : windowOf(reading.weekly, reading.atMs),
      source: reading.source,
      atMs: reading.atMs,
      planType: reading.planType ?? before?.planType ?? null,
    };
    const isOutranked = reading.source === 'poll' && before !== null && isTold(before) && reading.atMs - before.atMs < FRESH_MS;
    if (!isOutranked) {
      entry.held = held;
      if (reading.short !== null) entry.trails.short.note(held.short!, held.atMs);
      if (reading.weekly !== null) entry.trails.weekly.note(held.weekly!, held.atMs);
    }
    if (!isOutranked && movedOn(entry.written, held)) this.#changed.add(slot);
    if (entry.block.untilMs !== 0) this.#lookAgain(slot, entry, held, reading);
  }

  /**
   * Blocks an account that refused for its quota. A block that lasts longer stays as it is.
   * @param waitMs  As long as the upstream said; null when it did not: then until the reset of a window that is used up, or for a set time.
   * @param isShort  The refusal was of a limit by the minute, which says nothing of a longer block.
   */
  block(slot: number, waitMs: number | null, isShort: boolean, nowMs: number): void {
    const entry = this.#entry(slot);
    const untilMs = nowMs + (waitMs ?? (isShort ? SHORT_BLOCK_MS : (resetOfEmpty(entry.held, nowMs) ?? BLOCK_MS)));
    // After all that has been lifted, also on a wall clock that was set back.
    const sinceMs = Math.max(nowMs, entry.block.liftedMs + 1);
    const block = mergeBlocks(entry.block, { untilMs, sinceMs, liftedMs: 0 });
    if (!isShort || block.sinceMs === sinceMs) entry.hopeAtMs = 0;
    if (block.sinceMs === entry.block.sinceMs && block.untilMs === entry.block.untilMs) return;
    entry.block = block;
    this.#changed.add(slot);
  }

  /**
   * Takes an operator's word that there is quota: ends a block, and takes each window that is used up for full, until it is told of anew.
   * @returns whether there was anything to end
   */
  lift(slot: number, nowMs: number): boolean {
    const entry = this.#entries[slot];
    if (entry === undefined) return false;
    const { held, block } = entry;
    const isUsedUp = (window: QuotaWindow | null): boolean => leftOf(window, nowMs) === 0;
    const isHeldUp = held !== null && (isUsedUp(held.short) || isUsedUp(held.weekly));
    if (block.untilMs <= nowMs && !isHeldUp) return false;
    entry.block = { ...NO_BLOCK, liftedMs: Math.max(nowMs, block.sinceMs, block.liftedMs) };
    entry.hopeAtMs = 0;
    // Newer than what was told, so that it counts for other processes too.
    if (isHeldUp)
      entry.held = {
        ...held,
        atMs: Math.max(nowMs, held.atMs + 1),
        short: isUsedUp(held.short) ? { ...held.short!, usedPercent: 0 } : held.short,
        weekly: isUsedUp(held.weekly) ? { ...held.weekly!, usedPercent: 0 } : held.weekly,
      };
    this.#changed.add(slot);
    return true;
  }

  /** Takes over what an earlier life left. */
  restore(slot: number, record: QuotaRecord, nowMs: number): void {
    const { held, block } = notAhead(record, nowMs);
    const kept = held === null ? null : { ...held, source: 'stored' as const };
    this.#entries[slot] = { held: kept, block, hopeAtMs: 0, written: kept, trails: trailsFrom(kept) };
  }

  /** Takes over what another process has learnt: of readings the newer counts, of blocks the longer that has not been lifted. */
  learn(slot: number, record: QuotaRecord, nowMs: number): void {
    const { held, block } = notAhead(record, nowMs);
    const entry = this.#entry(slot);
    if (held !== null && held.atMs > (entry.held?.atMs ?? 0)) {
      entry.held = held;
      entry.written = held;
      noteAll(entry.trails, held);
    }
    const merged = mergeBlocks(entry.block, block);
    if (merged.sinceMs !== entry.block.sinceMs) entry.hopeAtMs = 0;
    entry.block = merged;
  }

  /**
   * The wall clock was set back: what was learnt by it moves along, so that no block lasts longer for it and what is told from now on counts as
   * newer. When a window is full again is the upstream's to say and stays, but is never further away than the window is long.
   * @param nowMs  By the clock as it is now.
   * @see faults C10
   */
  setBack(byMs: number, nowMs: number): void {
    for (const [slot, entry] of this.#entries.entries()) {
      if (entry === undefined) continue;
      entry.block = movedBack(entry.block, byMs);
      if (entry.hopeAtMs !== 0) entry.hopeAtMs -= byMs;
      entry.held = entry.held === null ? null : heldBack(entry.held, byMs, nowMs);
      entry.written = null;
      entry.trails = trailsFrom(entry.held);
      this.#changed.add(slot);
    }
  }

  /** Whether it is known that the account has a quota at all. */
  isMetered(slot: number): boolean {
    return this.#entries[slot] !== undefined;
  }

  held(slot: number): HeldQuota | null {
    return this.#entries[slot]?.held ?? null;
  }

  /** Wall-clock beginning of a block; 0 when there is none now. */
  blockedAtMs(slot: number, nowMs: number): number {
    return this.blockedUntilMs(slot, nowMs) === 0 ? 0 : this.#entries[slot]!.block.sinceMs;
  }

  /** Wall-clock end of a block; 0 when there is none now. */
  blockedUntilMs(slot: number, nowMs: number): number {
    const until = this.#entries[slot]?.block.untilMs ?? 0;
    return until > nowMs ? until : 0;
  }

  band(slot: number, family: LaneFamily, nowMs: number): Band {
    const held = this.#entries[slot]?.held;
    // One that is only known by a block says nothing of windows.
    if (held === undefined || held === null) return 'ready';
    return routeBand(leftOf(held.weekly, nowMs), leftOf(held.short, nowMs), family);
  }

  pressure(slot: number, family: LaneFamily, nowMs: number): number {
    const held = this.#entries[slot]?.held;
    return held === undefined || held === null
      ? 0
      : pressureOf(
          secondsLeft(held.weekly, nowMs),
          leftOf(held.weekly, nowMs) ?? 100,
          secondsLeft(held.short, nowMs),
          leftOf(held.short, nowMs) ?? 100,
          family,
        );
  }

  /** Percent left in the tighter window; 100 when nothing is known. */
  leastLeft(slot: number, nowMs: number): number {
    const held = this.#entries[slot]?.held;
    return held === undefined || held === null ? 100 : Math.min(leftOf(held.weekly, nowMs) ?? 100, leftOf(held.short, nowMs) ?? 100);
  }

  /** Percent of a window by millisecond, of late; null when that is not known yet. */
  pace(slot: number, which: 'short' | 'weekly', nowMs: number): number | null {
    return this.#entries[slot]?.trails[which].pace(nowMs) ?? null;
  }

  /** When the tighter window that has begun is full again, wall clock; null when none is known. */
  nextResetMs(slot: number, nowMs: number): number | null {
    const held = this.#entries[slot]?.held;
    if (held === undefined || held === null) return null;
    const shortLeft = held.short !== null && held.short.resetAtMs > nowMs ? leftOf(held.short, nowMs) : null;
    const weeklyLeft = held.weekly !== null && held.weekly.resetAtMs > nowMs ? leftOf(held.weekly, nowMs) : null;
    if (shortLeft === null) return weeklyLeft === null ? null : held.weekly!.resetAtMs;
    return weeklyLeft === null || shortLeft <= weeklyLeft ? held.short!.resetAtMs : held.weekly!.resetAtMs;
  }

  /** Whether what is known is old, or from before the start: then live readings go first. */
  isRemembered(slot: number, nowMs: number): boolean {
    const held = this.#entries[slot]?.held;
    return held !== undefined && held !== null && (held.source === 'stored' || nowMs - held.atMs > TOLERATED_MS);
  }

  /** Whether there is anything to write behind. */
  get hasChanges(): boolean {
    return this.#changed.size > 0;
  }

  /** Hands out what has changed since the last call, to be written. */
  takeChanges(): ReadonlyMap<number, QuotaRecord> {
    const changes = new Map<number, QuotaRecord>();
    for (const slot of this.#changed) {
      const entry = this.#entries[slot]!;
      entry.written = entry.held;
      changes.set(slot, {
        held: entry.held,
        seenAtMs: seenAtMs(entry),
        block: entry.block,
      });
    }
    this.#changed.clear();
    return changes;
  }

  /** Says that what was handed out could not be written: it is handed out again. */
  putBack(slots: Iterable<number>): void {
    for (const slot of slots) this.#changed.add(slot);
  }

  #entry(slot: number): Entry {
    return (this.#entries[slot] ??= { held: null, block: NO_BLOCK, hopeAtMs: 0, written: null, trails: trailsFrom(null) });
  }

  /** A block ends early only when two looks after it, some time apart, both found quota. */
  #lookAgain(slot: number, entry: Entry, held: HeldQuota, { atMs, short, weekly }: QuotaReading): void {
    if (atMs <= entry.block.sinceMs || (short === null && weekly === null)) return;
    if (routeBand(leftOf(held.weekly, atMs), leftOf(held.short, atMs), 0) === 'exhausted') entry.hopeAtMs = 0;
    else if (entry.hopeAtMs === 0) entry.hopeAtMs = atMs;
    else if (atMs - entry.hopeAtMs >= SECOND_LOOK_MS) {
      entry.block = { ...NO_BLOCK, liftedMs: atMs };
      entry.hopeAtMs = 0;
      this.#changed.add(slot);
    }
  }
}

function seenAtMs({ held, block }: Pick<QuotaRecord, 'held' | 'block'>): number {
  return Math.max(held?.atMs ?? 0, block.sinceMs, block.liftedMs);
}

function notAhead(record: QuotaRecord, nowMs: number): Pick<QuotaRecord, 'held' | 'block'> {
  const aheadMs = seenAtMs(record) - nowMs;
  if (aheadMs <= AHEAD_MS) return record;
  return { held: record.held === null ? null : heldBack(record.held, aheadMs, nowMs), block: movedBack(record.block, aheadMs) };
}

function heldBack(held: HeldQuota, byMs: number, nowMs: number): HeldQuota {
  const within = (window: QuotaWindow | null): QuotaWindow | null =>
    window === null || window.windowS === null ? window : { ...window, resetAtMs: Math.min(window.resetAtMs, nowMs + window.windowS * 1_000) };
  return { ...held, atMs: held.atMs - byMs, short: within(held.short), weekly: within(held.weekly) };
}

function trailsFrom(held: HeldQuota | null): Entry['trails'] {
  const trails = { short: new QuotaTrail(), weekly: new QuotaTrail() };
  if (held !== null) noteAll(trails, held);
  return trails;
}

function noteAll({ short, weekly }: Entry['trails'], held: HeldQuota): void {
  if (held.short !== null) short.note(held.short, held.atMs);
  if (held.weekly !== null) weekly.note(held.weekly, held.atMs);
}

function isTold({ source }: HeldQuota): boolean {
  return source === 'header' || source === 'event';
}

/** Percent left of a window; null when it is not known. */
export function leftOf(window: QuotaWindow | null, nowMs: number): number | null {
  if (window === null) return null;
  return nowMs >= window.resetAtMs ? 100 : Math.max(0, 100 - window.usedPercent);
}

function secondsLeft(window: QuotaWindow | null, nowMs: number): number {
  return window === null ? 0 : Math.max(0, (window.resetAtMs - nowMs) / 1_000);
}

function windowOf({ usedPercent, windowS, resetAtS }: WindowReading, atMs: number): QuotaWindow {
  const resetAtMs = resetAtS === null ? atMs + (windowS === null ? UNTOLD_RESET_MS : windowS * 1_000) : resetAtS * 1_000;
  return { usedPercent, windowS, resetAtMs };
}

/** How long until the last window that is used up is full again. */
function resetOfEmpty(held: HeldQuota | null, nowMs: number): number | null {
  const empty = [held?.short ?? null, held?.weekly ?? null].filter((window) => leftOf(window, nowMs) === 0).map((window) => window!.resetAtMs - nowMs);
  return empty.length === 0 ? null : Math.max(...empty);
}

function movedOn(written: HeldQuota | null, held: HeldQuota): boolean {
  if (written === null || held.atMs - written.atMs >= WRITTEN_MS) return true;
  return moved(written.short, held.short) || moved(written.weekly, held.weekly);
}

function moved(before: QuotaWindow | null, after: QuotaWindow | null): boolean {
  if (before === null || after === null) return before !== after;
  return Math.abs(before.usedPercent - after.usedPercent) >= WRITTEN_POINTS || Math.abs(before.resetAtMs - after.resetAtMs) >= WRITTEN_MS;
}
