import { HEURISTICS } from '@switchyard/contracts';
import type { Heuristic } from '@switchyard/contracts';
import { SETTING_KEYS } from '@switchyard/config';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Account } from './account.ts';
import { figuresOfAll, rank, winnerOf } from './candidate-figures.ts';
import { chooseAccount } from './choose-account.ts';
import type { Query } from './choose-account.ts';
import { account, adopted, figuresAt } from './fixtures/accounts.ts';
import { ALL_HEURISTICS, heuristicsWhere, switchedOff } from './heuristics.ts';
import type { Heuristics } from './heuristics.ts';
import { chosenInstead, returnsBy } from './keep-owner.ts';
import { LANE_AT } from './lanes.ts';
import type { LiveFigures } from './live-figures.ts';
import { STRATEGY_NAMES } from './strategies.ts';
import { whatDecided, whatEarned } from './what-decided.ts';

const LANE = LANE_AT.responses;
const anyone: Query = { model: 'm', lane: LANE, key: { accounts: null }, tried: [] };

const without = (...off: Heuristic[]): Heuristics => heuristicsWhere((name) => !off.includes(name));

test('every heuristic has a setting, and every setting of choice but the strategy is one', () => {
  const settings = SETTING_KEYS.filter((key) => key.startsWith('choice.') && key !== 'choice.strategy');
  expect(settings.toSorted()).toEqual(HEURISTICS.map((name) => `choice.${name}`).toSorted());
  expect([switchedOff(ALL_HEURISTICS), switchedOff(without('latency', 'circuit'))]).toEqual([undefined, ['latency', 'circuit']]);
});

interface Scene {
  readonly live: LiveFigures;
  readonly a: Account;
  readonly b: Account;
  readonly pass: (ms: number) => void;
  readonly wallClockMs: () => number;
}

/** Tells an account's quota: percent used of both windows, and seconds until they are full again. */
function tell({ live, wallClockMs }: Pick<Scene, 'live' | 'wallClockMs'>, { slot }: Account, used: number, weekly: number, resetInS: number): void {
  const atMs = wallClockMs();
  const window = (usedPercent: number, windowS: number) => ({ usedPercent, windowS, resetAtS: atMs / 1_000 + resetInS });
  live.observe(slot, { source: 'header', atMs, short: window(used, 18_000), weekly: window(weekly, 604_800), planType: null });
}

function took(live: LiveFigures, { slot }: Account): void {
  live.begin(slot, LANE);
  live.finish(slot);
}

// What makes `b` go first, though `a` would without this one thing.
const SCENES: Readonly<
  Record<Exclude<Heuristic, 'prompt_cache' | 'warm_conversation'>, { readonly b?: Partial<Account>; readonly play: (scene: Scene) => void }>
> = {
  quota_band: {
    play(scene) {
      tell(scene, scene.a, 96, 0, 1);
      tell(scene, scene.b, 10, 0, 3_600);
    },
  },
  quota_pressure: {
    play(scene) {
      tell(scene, scene.a, 10, 0, 3_600);
      tell(scene, scene.b, 10, 0, 60);
    },
  },
  fresh_quota: {
    play(scene) {
      tell(scene, scene.a, 10, 0, 1);
      scene.pass(1_800_001);
      tell(scene, scene.b, 10, 0, 0);
    },
  },
  in_flight: {
    play({ live, a, b }) {
      live.begin(a.slot, LANE);
      took(live, b);
    },
  },
  health: {
    play({ live, a, b }) {
      live.failed(a.slot, LANE, 'overload', null, null);
      live.failed(b.slot, LANE, 'overload', null, null);
      live.succeeded(b.slot, LANE, null);
    },
  },
  bad_pairing: {
    play({ live, a }) {
      live.failed(a.slot, LANE, 'overload', null, null);
      live.succeeded(a.slot, LANE, null);
    },
  },
  latency: { play: ({ live, a }) => live.succeeded(a.slot, LANE, 800) },
  circuit: { b: { priority: 200 }, play: ({ live, a }) => live.failed(a.slot, LANE, 'connect', null, null) },
  last_chosen: { play: ({ live, a }) => took(live, a) },
};

test.each(Object.entries(SCENES) as [Heuristic, (typeof SCENES)['health']][])(
  '%s alone decides a choice, not when it is switched off, and is told as what decided',
  (heuristic, { b: changed, play }) => {
    const open = (uses: Heuristics) => {
      const { live, pass, wallClockMs } = figuresAt(1_000, 'balance', uses);
      const [a, b] = [account(live, 'a'), account(live, 'b', changed)];
      const snapshot = adopted(live, [a, b]);
      play({ live, a, b, pass, wallClockMs });
      return { live, snapshot, winner: chooseAccount(snapshot, live, anyone).account?.name };
    };
    const on = open(ALL_HEURISTICS);
    expect([on.winner, open(without(heuristic)).winner]).toEqual(['b', 'a']);
    const figures = figuresOfAll(on.snapshot, on.live, anyone);
    expect(whatDecided(figures, 'balance', ALL_HEURISTICS)).toEqual([{ heuristic, otherwise: 'a' }]);
    const earned = whatEarned(figures, 'balance', ALL_HEURISTICS);
    expect(earned.map(({ heuristic: name }) => name)).toEqual(HEURISTICS.filter((name) => name !== 'prompt_cache' && name !== 'warm_conversation'));
    expect(earned.filter(({ otherwise }) => otherwise !== 'b')).toEqual([{ heuristic, on: true, otherwise: 'a' }]);
    // What was recorded while it was off tells who would win with it.
    if (heuristic === 'circuit') return;
    const off = open(without(heuristic));
    expect(whatEarned(figuresOfAll(off.snapshot, off.live, anyone), 'balance', without(heuristic))).toContainEqual({ heuristic, on: false, otherwise: 'b' });
  },
);

test('a conversation and a prompt go back to their account, not when that is switched off, and it is told who would have had them', () => {
  const asked = (kind: string, uses: Heuristics) => {
    const { live } = figuresAt(1_000, 'balance', uses);
    const [a, b] = [account(live, 'a'), account(live, 'b')];
    const snapshot = adopted(live, [a, b]);
    took(live, b);
    return [returnsBy(kind, snapshot, live, b, anyone), chosenInstead(snapshot, live, b, anyone), chosenInstead(snapshot, live, a, anyone)];
  };
  expect(asked('session', ALL_HEURISTICS)).toEqual(['kept', 'a', undefined]);
  expect(asked('cache', ALL_HEURISTICS)).toEqual(['cache', 'a', undefined]);
  expect(asked('session', without('warm_conversation'))[0]).toBeNull();
  expect(asked('session', without('prompt_cache'))[0]).toBe('kept');
  expect(asked('cache', without('prompt_cache'))[0]).toBeNull();
  expect(asked('cache', without('warm_conversation'))[0]).toBe('cache');
});

const step = fc.record({
  who: fc.nat(99),
  what: fc.constantFrom('begin', 'finish', 'fail', 'succeed', 'block', 'tell', 'pass'),
  lane: fc.nat(3),
  event: fc.constantFrom('connect', 'overload', 'auth'),
  hasBackoff: fc.boolean(),
  n: fc.nat(100),
});
const shape = fc.record({
  priority: fc.constantFrom(1, 1, 2),
  softInFlight: fc.constantFrom(Infinity, 1, 2),
  maxInFlight: fc.constantFrom(Infinity, 2, 3),
});

/**
 * The oracle is the choice itself, with the switches in force from the start. Walked through, and in heaps, whose order must not be that of
 * figures which do not count.
 */
test.each([
  ['walked through', 2, 12],
  ['in heaps', 33, 45],
] as const)('figures recorded with everything on tell who would be chosen without any of it: %s', (_name, least, most) => {
  fc.assert(
    fc.property(
      fc.constantFrom(...STRATEGY_NAMES),
      fc.subarray([...HEURISTICS]),
      fc.array(shape, { minLength: least, maxLength: most }),
      fc.array(step, { maxLength: 60 }),
      fc.nat(3),
      (strategy, off, shapes, steps, lane) => {
        const uses = without(...off);
        const worlds = [ALL_HEURISTICS, uses].map((each) => {
          const { live, pass, wallClockMs } = figuresAt(1_000, strategy, each);
          const accounts = shapes.map(({ softInFlight, ...more }, i) =>
            account(live, `a${i}`, { ...more, softInFlight: Math.min(softInFlight, more.maxInFlight) }),
          );
          return { live, pass, wallClockMs, accounts, snapshot: adopted(live, accounts) };
        });
        const [on, other] = worlds as [(typeof worlds)[number], (typeof worlds)[number]];
        const check = (): void => {
          const query = { ...anyone, lane };
          const figures = figuresOfAll(on.snapshot, on.live, query);
          const chosen = chooseAccount(other.snapshot, other.live, query).account?.name ?? null;
          expect(winnerOf(figures, strategy, uses)).toBe(chosen);
          if (chosen !== null) expect(rank(figures, strategy, uses)[0]!.account).toBe(chosen);
        };
        const open = shapes.map(() => 0);
        for (const { who, what, lane: at, event, hasBackoff, n } of steps) {
          const i = who % shapes.length;
          if (what === 'begin') open[i]!++;
          else if (what === 'finish') open[i] = Math.max(-1, open[i]! - 1);
          for (const { live, pass, wallClockMs, accounts } of worlds) {
            const { slot } = accounts[i]!;
            if (what === 'begin') live.begin(slot, at);
            else if (what === 'finish') {
              if (open[i]! >= 0) live.finish(slot);
            } else if (what === 'fail') live.failed(slot, at, event, !hasBackoff ? null : event === 'connect' ? 'transport' : event, null);
            else if (what === 'succeed') live.succeeded(slot, at, n * 20);
            else if (what === 'block') live.block(slot, n * 1_000, false);
            else if (what === 'pass') pass(n * 500);
            else {
              const window = { usedPercent: n, windowS: 18_000, resetAtS: Math.floor(wallClockMs() / 1_000) + who * 60 };
              live.observe(slot, { source: 'header', atMs: wallClockMs(), short: window, weekly: null, planType: null });
            }
          }
          open[i] = Math.max(0, open[i]!);
          if (n % 7 === 0) check();
        }
        check();
      },
    ),
    { numRuns: least === 2 ? 1_000 : 300 },
  );
});
