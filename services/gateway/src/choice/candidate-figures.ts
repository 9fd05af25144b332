import type { Account, Snapshot } from './account.ts';
import { BANDS } from './bands.ts';
import { candidatesOf, chooseAccount } from './choose-account.ts';
import type { Query } from './choose-account.ts';
import type { LiveFigures } from './live-figures.ts';
import type { PoolOrder } from './pool-order.ts';
import { CLOSED, DEFERRED, TIERS } from './standing.ts';
import type { SkipReason } from './standing.ts';
import { STRATEGIES } from './strategies.ts';
import type { StrategyName } from './strategies.ts';

/** What an account was chosen, or passed over, by. Everything that any strategy looks at, so that a decision can be worked out again. */
export interface CandidateFigures {
  readonly account: string;
  /** `ready`, or why it was not. */
  readonly standing: 'ready' | SkipReason;
  /** Milliseconds until one that is deferred or out of quota is back; 0 when it is not, or when that is not known. */
  readonly back_in_ms: number;
  readonly priority: number;
  /** Index in `BANDS`. */
  readonly band: number;
  readonly bucket: number;
  readonly remembered: number;
  readonly in_flight: number;
  readonly health: number;
  readonly latency: number;
  readonly used: number;
  readonly reset_at_s: number;
  readonly last_chosen: number;
  /** Its place in the list, which decides when all else is equal. */
  readonly listed: number;
}

const FIELDS = [
  'account',
  'standing',
  'back_in_ms',
  'priority',
  'band',
  'bucket',
  'remembered',
  'in_flight',
  'health',
  'latency',
  'used',
  'reset_at_s',
  'last_chosen',
  'listed',
] as const satisfies readonly (keyof CandidateFigures)[];

/** Figures as they are stored: the values alone, a third of the size. */
export type StoredFigures = readonly (string | number)[];

/** Up to this many candidates are recorded all; of more only the best. */
const ALL_OF = 16;
const BEST_OF = 8;

/**
 * The figures of the candidates as a choice saw them, best first, then those that could not be chosen: all of up to 16, else the eight best.
 * Call it before the attempt begins. Undefined with one candidate: there was nothing to choose.
 */
export function recordFigures(snapshot: Snapshot, live: LiveFigures, query: Query): readonly StoredFigures[] | undefined {
  const candidates = candidatesOf(snapshot, query.model);
  if (candidates.length < 2) return undefined;
  const order = live.orderOf(snapshot);
  const seen =
    candidates.length <= ALL_OF
      ? candidates.map((account, listed) => figuresOf(account, listed, live, order, query))
      : bestOf(snapshot, live, query).map((account, listed) => figuresOf(account, listed, live, order, query));
  return rank(seen, order.strategy).map((figures) => FIELDS.map((field) => figures[field]));
}

/** Figures as they were stored, with their names. */
export function readFigures(stored: StoredFigures): CandidateFigures {
  return Object.fromEntries(FIELDS.map((field, i) => [field, stored[i]])) as unknown as CandidateFigures;
}

/**
 * Puts candidates into the order of choice by their figures alone: those that may be chosen, best first, then the others.
 * It says the same as `chooseAccount`, in the plainest way there is; decisions are worked out again by it.
 */
export function rank(candidates: readonly CandidateFigures[], strategyName: StrategyName): CandidateFigures[] {
  const strategy = STRATEGIES[strategyName];
  return candidates.toSorted((a, b) => {
    const byTier = tierOf(a) - tierOf(b);
    if (byTier !== 0) return byTier;
    const tier = tierOf(a);
    if (tier >= CLOSED) return a.listed - b.listed;
    const byPlace = tier === DEFERRED ? a.back_in_ms - b.back_in_ms : strategy.place(placeOf(a)) - strategy.place(placeOf(b));
    return (
      byPlace ||
      (strategy.byInFlight ? a.in_flight - b.in_flight : 0) ||
      (strategy.byHealth ? a.health - b.health : 0) ||
      (strategy.byLastChosen ? a.last_chosen - b.last_chosen : 0) ||
      a.listed - b.listed
    );
  });
}

/** Whether a candidate with these figures may be chosen at all. */
export function mayBeChosen(figures: Pick<CandidateFigures, 'standing'>): boolean {
  return tierOf(figures) < CLOSED;
}

function tierOf({ standing }: Pick<CandidateFigures, 'standing'>): number {
  return standing === 'key_may_not' || standing === 'already_tried' ? CLOSED : TIERS[standing];
}

function placeOf({ priority, band, bucket, remembered, health, latency, used, reset_at_s }: CandidateFigures) {
  return { priority, band, bucket, remembered, health, latency, used, resetAtS: reset_at_s };
}

function figuresOf(account: Account, listed: number, live: LiveFigures, order: PoolOrder, { lane, key, tried }: Query): CandidateFigures {
  const { slot } = account;
  const place = live.placeFigures(slot, lane);
  const barred = key.accounts !== null && !key.accounts.has(account.id) ? 'key_may_not' : tried.includes(account) ? 'already_tried' : null;
  return {
    account: account.name,
    standing: barred ?? order.standing(slot, lane),
    back_in_ms: live.backInMs(slot, lane, order.tier(slot, lane)),
    priority: place.priority,
    band: place.band,
    bucket: place.bucket,
    remembered: place.remembered,
    in_flight: live.inFlight(slot),
    health: place.health,
    latency: place.latency,
    used: place.used,
    reset_at_s: place.resetAtS,
    last_chosen: live.lastChosen(slot),
    listed,
  };
}

/** The best of many, by asking for one after the other. */
function bestOf(snapshot: Snapshot, live: LiveFigures, query: Query): Account[] {
  const best: Account[] = [];
  while (best.length < BEST_OF) {
    const { account } = chooseAccount(snapshot, live, { ...query, tried: [...query.tried, ...best] });
    if (account === null) break;
    best.push(account);
  }
  return best;
}

/** The band of figures, in words. */
export function bandOf({ band }: Pick<CandidateFigures, 'band'>): string {
  return BANDS[band] ?? 'unknown';
}
