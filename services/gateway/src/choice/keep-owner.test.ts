import fc from 'fast-check';
import { expect, test } from 'vitest';
import { WALL_MS, account, adopted, figuresAt } from './fixtures/accounts.ts';
import { keepsOwner } from './keep-owner.ts';
import { LANE_AT } from './lanes.ts';

const LANE = LANE_AT.responses;
const anyone = { model: 'm', lane: LANE, key: { accounts: null }, tried: [] };

function world() {
  const { live } = figuresAt();
  const [owner, other] = [account(live, 'owner', { softInFlight: 1 }), account(live, 'other')];
  const snapshot = adopted(live, [owner, other]);
  let heard = 0;
  const tell = (slot: number, usedPercent: number): void =>
    live.observe(slot, {
      source: 'header',
      atMs: WALL_MS + 1_000 + heard++,
      short: { usedPercent, windowS: 18_000, resetAtS: WALL_MS / 1_000 + 9_000 },
      weekly: null,
      planType: null,
    });
  return { live, owner, other, snapshot, tell, keeps: (query = {}) => keepsOwner(snapshot, live, owner, { ...anyone, ...query }) };
}

test('a conversation stays although another is freer, and moves when its account cannot take it', () => {
  const { live, owner, tell, keeps } = world();
  tell(owner.slot, 92);
  live.begin(owner.slot, LANE);
  expect(keeps()).toBe(true);
  live.failed(owner.slot, LANE, 'overload', 'overload', null);
  expect(keeps()).toBe(false);
  live.succeeded(owner.slot, LANE, null);
  live.block(owner.slot, 60_000, false);
  expect(keeps()).toBe(false);
});

test('it leaves an account short of quota only for one that is ready', () => {
  const { live, owner, other, tell, keeps } = world();
  tell(owner.slot, 96);
  expect(keeps()).toBe(false);
  tell(other.slot, 92);
  expect(keeps()).toBe(true);
  tell(other.slot, 10);
  live.failed(other.slot, LANE, 'connect', 'transport', null);
  expect(keeps()).toBe(true);
});

test('an account that does not serve the model, or that the key may not use, keeps nothing', () => {
  const { keeps } = world();
  expect([keeps(), keeps({ model: 'other' }), keeps({ model: null }), keeps({ key: { accounts: new Set(['other']) } })]).toEqual([true, false, true, false]);
});

test('noise in the quota of others never moves a conversation whose account is at ease', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(94)), { maxLength: 30 }), (readings) => {
      const { owner, other, tell, keeps } = world();
      for (const [isOwner, used] of readings) {
        tell(isOwner ? owner.slot : other.slot, used);
        expect(keeps()).toBe(true);
      }
    }),
    { numRuns: 300 },
  );
});
