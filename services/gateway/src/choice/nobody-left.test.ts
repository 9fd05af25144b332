import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Account } from './account.ts';
import { candidatesOf, chooseAccount } from './choose-account.ts';
import type { Query } from './choose-account.ts';
import { account, adopted, figuresAt } from './fixtures/accounts.ts';
import type { LiveFigures } from './live-figures.ts';
import { nobodyLeft } from './nobody-left.ts';
import { poolOf } from './pool.ts';
import type { Pool } from './pool.ts';

interface Refusal {
  readonly code: string;
  readonly retryAfterMs?: number;
}

/** The oracle: every candidate is looked at. */
function slowRefusal({ members }: Pool, live: LiveFigures, { model, lane, key }: Query): Refusal {
  const allowed = candidatesOf(members, model).filter(({ id }) => key.accounts === null || key.accounts.has(id));
  const order = live.orderOf(members);
  const standings = allowed.map(({ slot }) => order.standing(slot, lane));
  if (standings.includes('hard_full')) return { code: 'server_is_overloaded' };
  if (standings.length === 0) return { code: model === null ? 'no_account_available' : 'model_not_found' };
  const waits = allowed.map(({ slot }) => live.backInMs(slot, lane, order.tier(slot, lane))).filter((ms) => ms > 0);
  return { code: 'quota_exhausted', ...(waits.length === 0 ? {} : { retryAfterMs: Math.min(...waits) }) };
}

const step = fc.record({
  who: fc.nat(99),
  what: fc.constantFrom('block', 'block', 'tell', 'tell', 'fill', 'finish', 'fail', 'pass'),
  lane: fc.nat(3),
  n: fc.nat(100),
});
const shape = fc.record({
  priority: fc.constantFrom(1, 2),
  models: fc.constantFrom(['m'], ['m', 'n']),
  maxInFlight: fc.constantFrom(Infinity, 1),
  reservePercent: fc.constantFrom(0, 20),
});

test.each([
  ['walked through', 1, 10],
  ['in heaps', 33, 48],
] as const)('with nobody left the refusal says when the first is back, as looking at each would: %s', (_name, least, most) => {
  let refused = 0;
  fc.assert(
    fc.property(
      fc.array(shape, { minLength: least, maxLength: most }),
      fc.array(step, { maxLength: 40 }),
      fc.record({ model: fc.constantFrom('m', 'n', 'none', null), lane: fc.nat(3), allowed: fc.option(fc.array(fc.nat(47))) }),
      (shapes, steps, asked) => {
        const { live, pass, wallClockMs } = figuresAt();
        const accounts = shapes.map((each, i) => account(live, `a${i}`, { ...each, softInFlight: each.maxInFlight } as Partial<Account>));
        const pool = poolOf(adopted(live, accounts));
        const allowed = asked.allowed === null ? null : new Set(asked.allowed.map((i) => `a${i}`));
        const query: Query = { model: asked.model, lane: asked.lane, key: { accounts: allowed }, tried: [] };
        const check = (): void => {
          if (chooseAccount(pool.members, live, query).account !== null) return;
          refused++;
          const { code, retryAfterMs } = nobodyLeft(pool, live, query, wallClockMs());
          expect({ code, ...(retryAfterMs === null ? {} : { retryAfterMs }) }).toEqual(slowRefusal(pool, live, query));
        };
        // Most of what happens is of no use to a refusal while one account is well.
        for (const { slot } of accounts) live.block(slot, 10_000 + ((slot * 7_919) % 60_000), false);
        for (const { who, what, lane, n } of steps) {
          const { slot, maxInFlight } = accounts[who % accounts.length]!;
          if (what === 'block') live.block(slot, n * 1_000, false);
          else if (what === 'fill') {
            if (live.inFlight(slot) < Math.min(maxInFlight, 1)) live.begin(slot, lane);
          } else if (what === 'finish') {
            if (live.inFlight(slot) > 0) live.finish(slot);
          } else if (what === 'fail') live.failed(slot, lane, 'connect', 'transport', null);
          else if (what === 'pass') pass(n * 100);
          else {
            const window = { usedPercent: Math.min(100, n + 20), windowS: 18_000, resetAtS: Math.floor(wallClockMs() / 1_000) + who * 60 };
            live.observe(slot, { source: 'header', atMs: wallClockMs(), short: window, weekly: null, planType: null });
          }
          check();
        }
        check();
      },
    ),
    { numRuns: least === 1 ? 1_000 : 200 },
  );
  expect(refused).toBeGreaterThan(1_000);
});
