import type { Account, Snapshot } from './account.ts';
import { BANDS } from './bands.ts';
import { candidatesOf, chooseAccount } from './choose-account.ts';
import type { Query } from './choose-account.ts';
import { ALL_HEURISTICS } from './heuristics.ts';
import type { Heuristics } from './heuristics.ts';
import type { LiveFigures } from './live-figures.ts';
import type { PoolOrder } from './pool-order.ts';
import { CLOSED, DEFERRED, TIERS } from './standing.ts';
import type { SkipReason } from './standing.ts';
import { strategyUsing } from './strategies.ts';
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
  /** Points for what went badly on this lane before; part of health. */
  readonly pairing: number;
  /** 1 when others go first because of what it has in progress. */
  readonly soft_full: number;
  /** Milliseconds until its back-off ends, whatever its circuit says. */
  readonly backoff_ms: number;
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
  'pairing',
  'soft_full',
  'backoff_ms',
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
  return rank(seen, order.strategy, live.uses).map((figures) => FIELDS.map((field) => figures[field]));
}

/** The same of every candidate, however many there are, in the order of the list. */
export function figuresOfAll(snapshot: Snapshot, live: LiveFigures, query: Query): readonly CandidateFigures[] {
  const order = live.orderOf(snapshot);
  return candidatesOf(snapshot, query.model).map((account, listed) => figuresOf(account, listed, live, order, query));
}

/** Figures as they were stored, with their names. What was stored before a figure was kept has 0 for it. */
export function readFigures(stored: StoredFigures): CandidateFigures {
  return Object.fromEntries(FIELDS.map((field, i) => [field, stored[i] ?? 0])) as unknown as CandidateFigures;
}

/**
 * Puts candidates into the order of choice by their figures alone: those that may be chosen, best first, then the others.
 * It says the same as `chooseAccount`, in the plainest way there is; decisions are worked out again by it.
 * @param uses  The heuristics that are to count. A circuit that did not count then cannot be made to.
 */
export function rank(candidates: readonly CandidateFigures[], strategy: StrategyName, uses: Heuristics = ALL_HEURISTICS): CandidateFigures[] {
  return candidates.map((each) => underCircuits(each, uses)).sort(orderUsing(strategy, uses));
}

/** The account that `rank` would put first, when it may be chosen; null when none may. */
export function winnerOf(candidates: readonly CandidateFigures[], strategy: StrategyName, uses: Heuristics = ALL_HEURISTICS): string | null {
  const order = orderUsing(strategy, uses);
  let best: CandidateFigures | null = null;
  for (const candidate of candidates) {
    const seen = underCircuits(candidate, uses);
    if (best === null || order(seen, best) < 0) best = seen;
  }
  return best === null || !mayBeChosen(best) ? null : best.account;
}

function orderUsing(name: StrategyName, uses: Heuristics): (a: CandidateFigures, b: CandidateFigures) => number {
  const strategy = strategyUsing(name, uses);
  const { healthPoints } = strategy;
  const health = (figures: CandidateFigures): number => (healthPoints === null ? figures.health : healthPoints(placeOf(figures)));
  return (a, b) => {
    const tier = tierOf(a);
    const byTier = tier - tierOf(b);
    if (byTier !== 0) return byTier;
    if (tier >= CLOSED) return a.listed - b.listed;
    const byPlace = tier === DEFERRED ? a.back_in_ms - b.back_in_ms : strategy.place(placeOf(a)) - strategy.place(placeOf(b));
    return (
      byPlace ||
      (strategy.byInFlight ? a.in_flight - b.in_flight : 0) ||
      (strategy.byHealth ? health(a) - health(b) : 0) ||
      (strategy.byLastChosen ? a.last_chosen - b.last_chosen : 0) ||
      a.listed - b.listed
    );
  };
}

/** How a candidate stands without its circuit, when that is not to count. */
function underCircuits(figures: CandidateFigures, uses: Heuristics): CandidateFigures {
  if (uses.circuit) return figures;
  if (figures.standing === 'backing_off') return { ...figures, back_in_ms: figures.backoff_ms };
  return figures.standing === 'circuit_open' ? { ...figures, standing: figures.soft_full === 1 ? 'soft_full' : 'ready', back_in_ms: 0 } : figures;
}

/** Whether a candidate with these figures may be chosen at all. */
export function mayBeChosen(figures: Pick<CandidateFigures, 'standing'>): boolean {
  return tierOf(figures) < CLOSED;
}

function tierOf({ standing }: Pick<CandidateFigures, 'standing'>): number {
  return standing === 'key_may_not' || standing === 'already_tried' ? CLOSED : TIERS[standing];
}

function placeOf({ priority, band, bucket, remembered, health, latency, pairing, used, reset_at_s }: CandidateFigures) {
  return { priority, band, bucket, remembered, health, latency, pairing, used, resetAtS: reset_at_s };
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
    pairing: place.pairing,
    soft_full: live.isSoftFull(slot) ? 1 : 0,
    backoff_ms: live.backOffMs(slot, lane),
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
