import { ALL_HEURISTICS } from './heuristics.ts';
import type { Heuristics } from './heuristics.ts';

/** What an account's place in the order is made of; all whole numbers, the smaller goes first unless a strategy turns it round. */
export interface PlaceFigures {
  readonly priority: number;
  /** Index in `BANDS`. */
  readonly band: number;
  /** Bucket of pressure, 0 to 63. */
  readonly bucket: number;
  /** 1 when what is known of its quota is old. */
  readonly remembered: number;
  /** Points of health with those of latency, 0 to 63. */
  readonly health: number;
  /** Points of latency alone, 0 to 12; part of health. */
  readonly latency: number;
  /** Points for what went badly on this lane before, 0 to 16; part of health. */
  readonly pairing: number;
  /** Tenths of a percent used of the tighter window, 0 to 1000; 0 without windows. */
  readonly used: number;
  /** Unix seconds at which the tighter window is full again; 0 when none is known. */
  readonly resetAtS: number;
}

/** One way to order the accounts of one tier: by place, then by what is switched on here, then by their order in the list. */
export interface Strategy {
  readonly place: (figures: PlaceFigures) => number;
  readonly byInFlight: boolean;
  readonly byHealth: boolean;
  readonly byLastChosen: boolean;
  /** What the account counts for whose cache may know a prompt: it goes first, before those that are otherwise its equals, or for nothing. */
  readonly cache: 'first' | 'tie' | 'none';
  readonly help: string;
}

const CRITICAL = 3; // index in BANDS
const NO_RESET = 2 ** 40;

const BALANCE = {
  place: ({ priority, band, bucket, remembered }) => ((priority * 8 + band) * 64 + bucket) * 2 + remembered,
  byInFlight: true,
  byHealth: true,
  byLastChosen: true,
} as const satisfies Partial<Strategy>;

/** Every strategy (product section 3). The settings and the docs list them from here. */
export const STRATEGIES = {
  balance: { ...BALANCE, cache: 'tie', help: 'priority, quota, fewest in flight, health, the cache, longest unused' },
  cache_first: { ...BALANCE, cache: 'first', help: 'the account whose cache may know the prompt while it can serve, then as `balance`' },
  performance_first: {
    place: ({ priority, band, latency, health }) => ((priority * 2 + (band >= CRITICAL ? 1 : 0)) * 16 + latency) * 64 + health,
    byInFlight: true,
    byHealth: false,
    byLastChosen: true,
    cache: 'none',
    help: 'priority, no critical quota, quickest first byte, health, fewest in flight, longest unused',
  },
  priority: { place: ({ priority }) => priority, byInFlight: false, byHealth: false, byLastChosen: false, cache: 'none', help: 'priority, then name' },
  round_robin: { place: () => 0, byInFlight: false, byHealth: false, byLastChosen: true, cache: 'none', help: 'longest unused' },
  least_used: {
    place: ({ used }) => used,
    byInFlight: true,
    byHealth: false,
    byLastChosen: true,
    cache: 'none',
    help: 'most quota left, fewest in flight, longest unused',
  },
  drain_first: {
    place: ({ used }) => 1_000 - used,
    byInFlight: false,
    byHealth: false,
    byLastChosen: false,
    cache: 'none',
    help: 'one account until it is out',
  },
  soonest_reset: {
    place: ({ resetAtS }) => (resetAtS === 0 ? NO_RESET : resetAtS),
    byInFlight: true,
    byHealth: false,
    byLastChosen: true,
    cache: 'none',
    help: 'the quota that is full again soonest, fewest in flight, longest unused',
  },
} as const satisfies Readonly<Record<string, Strategy>>;

export type StrategyName = keyof typeof STRATEGIES;

/** A strategy as it is applied, without the heuristics that are switched off. */
export interface AppliedStrategy extends Pick<Strategy, 'place' | 'byInFlight' | 'byHealth' | 'byLastChosen' | 'cache'> {
  /** What counts of the points of health; null when all do. */
  readonly healthPoints: ((figures: PlaceFigures) => number) | null;
}

/** With every heuristic on it is the strategy of the table itself. */
export function strategyUsing(name: StrategyName, uses: Heuristics = ALL_HEURISTICS): AppliedStrategy {
  const strategy: Strategy = STRATEGIES[name];
  const healthPoints = uses.health && uses.bad_pairing && uses.latency ? null : healthUsing(uses);
  const masks = healthPoints !== null || !uses.quota_band || !uses.quota_pressure || !uses.fresh_quota;
  return {
    place: masks ? (figures) => strategy.place(masked(figures, uses)) : strategy.place,
    healthPoints,
    byInFlight: strategy.byInFlight && uses.in_flight,
    byHealth: strategy.byHealth,
    byLastChosen: strategy.byLastChosen && uses.last_chosen,
    cache: uses.prompt_cache ? strategy.cache : 'none',
  };
}

function healthUsing(uses: Heuristics): (figures: PlaceFigures) => number {
  return ({ health, latency, pairing }) => (uses.health ? health - latency - pairing : 0) + (uses.latency ? latency : 0) + (uses.bad_pairing ? pairing : 0);
}

function masked(figures: PlaceFigures, uses: Heuristics): PlaceFigures {
  return {
    ...figures,
    band: uses.quota_band ? figures.band : 0,
    bucket: uses.quota_pressure ? figures.bucket : 0,
    remembered: uses.fresh_quota ? figures.remembered : 0,
    health: healthUsing(uses)(figures),
    latency: uses.latency ? figures.latency : 0,
  };
}

/** Every name, in the order of the table. */
export const STRATEGY_NAMES = Object.keys(STRATEGIES) as readonly StrategyName[];
