import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NO_BLOCK } from './quota-block.ts';
import { QuotaWindows } from './quota-windows.ts';
import type { QuotaReading } from './read-quota.ts';

const AT = 1_800_000_000_000;
const reading = (atMs: number, usedShort: number | null, usedWeekly: number | null = null, resetInS = 3_600): QuotaReading => ({
  source: 'header',
  atMs,
  short: usedShort === null ? null : { usedPercent: usedShort, windowS: 18_000, resetAtS: atMs / 1_000 + resetInS },
  weekly: usedWeekly === null ? null : { usedPercent: usedWeekly, windowS: 604_800, resetAtS: atMs / 1_000 + resetInS },
  planType: null,
});

test('an account that never spoke of a quota is ready, without pressure, and not metered', () => {
  const quota = new QuotaWindows();
  expect([quota.isMetered(3), quota.band(3, 0, AT), quota.pressure(3, 0, AT), quota.blockedUntilMs(3, AT)]).toEqual([false, 'ready', 0, 0]);
});

test('one that speaks of windows and tells none is unknown, which is not blocked', () => {
  const quota = new QuotaWindows();
  quota.observe(0, reading(AT, null));
  expect([quota.band(0, 0, AT), quota.blockedUntilMs(0, AT)]).toEqual(['unknown', 0]);
});

test('with one window known that one decides, and what is not told again stays', () => {
  const quota = new QuotaWindows();
  quota.observe(0, reading(AT, null, 92));
  expect(quota.band(0, 0, AT)).toBe('critical');
  quota.observe(0, reading(AT + 1_000, 1, null));
  expect(quota.band(0, 0, AT + 1_000)).toBe('critical');
});

test('what was asked for counts less than what an answer told within five minutes, and ends a block as well as that', () => {
  const quota = new QuotaWindows();
  const poll = (atMs: number, used: number): QuotaReading => ({ ...reading(atMs, used), source: 'poll' });
  quota.observe(0, reading(AT, 50));
  quota.observe(0, poll(AT + 299_999, 10));
  expect([quota.leastLeft(0, AT + 299_999), quota.held(0)!.source]).toEqual([50, 'header']);
  quota.observe(0, poll(AT + 300_000, 10));
  expect([quota.leastLeft(0, AT + 300_000), quota.held(0)!.source]).toEqual([90, 'poll']);
  quota.observe(0, reading(AT + 300_001, 100, null, 7_200));
  quota.block(0, null, false, AT + 300_001);
  quota.observe(0, poll(AT + 310_000, 20));
  expect(quota.blockedUntilMs(0, AT + 310_000)).not.toBe(0);
  quota.observe(0, poll(AT + 325_000, 20));
  expect(quota.blockedUntilMs(0, AT + 325_000)).toBe(0);
});

test('past its reset a window is full again', () => {
  const quota = new QuotaWindows();
  quota.observe(0, reading(AT, 100, null, 60));
  expect([quota.band(0, 0, AT + 59_999), quota.band(0, 0, AT + 60_000), quota.leastLeft(0, AT + 60_000)]).toEqual(['exhausted', 'ready', 100]);
});

test('a reading is remembered after half an hour, and after a restart from the start', () => {
  const quota = new QuotaWindows();
  quota.observe(0, reading(AT, 10));
  expect([quota.isRemembered(0, AT + 1_800_000), quota.isRemembered(0, AT + 1_800_001)]).toEqual([false, true]);
  const later = new QuotaWindows();
  later.restore(0, quota.takeChanges().get(0)!, AT);
  expect([later.isRemembered(0, AT), later.leastLeft(0, AT)]).toEqual([true, 90]);
});

test.each([
  ['as long as the upstream said', 42_000, false, null, 42_000],
  ['until the reset of the window that is used up', null, false, 100, 3_600_000],
  ['300 s when nothing was said', null, false, 50, 300_000],
  ['20 s when it is a limit by the minute', null, true, null, 20_000],
] as const)('a block lasts %s', (_name, waitMs, isShort, used, lasts) => {
  const quota = new QuotaWindows();
  if (used !== null) quota.observe(0, reading(AT, used));
  quota.block(0, waitMs, isShort, AT);
  expect([quota.blockedUntilMs(0, AT), quota.blockedUntilMs(0, AT + lasts - 1) > 0, quota.blockedUntilMs(0, AT + lasts)]).toEqual([AT + lasts, true, 0]);
});

test('a later refusal does not shorten a block, and one that is over does not count', () => {
  const quota = new QuotaWindows();
  quota.block(0, 18_000_000, false, AT);
  quota.block(0, null, true, AT + 1_000);
  quota.block(0, 2_000, true, AT + 2_000);
  expect([quota.blockedUntilMs(0, AT + 2_000), quota.blockedAtMs(0, AT + 2_000)]).toEqual([AT + 18_000_000, AT]);
  quota.block(0, null, true, AT + 18_000_000);
  expect(quota.blockedUntilMs(0, AT + 18_000_000)).toBe(AT + 18_020_000);
  quota.block(0, 60_000, true, AT + 18_001_000);
  expect(quota.blockedUntilMs(0, AT + 18_001_000)).toBe(AT + 18_061_000);
  quota.block(0, 30_000, false, AT + 18_002_000);
  expect(quota.blockedUntilMs(0, AT + 18_002_000)).toBe(AT + 18_061_000);
  quota.block(0, 90_000, false, AT + 18_003_000);
  expect(quota.blockedUntilMs(0, AT + 18_003_000)).toBe(AT + 18_093_000);
});

test('a block outlives one optimistic reading, and ends with a second 15 s later', () => {
  const quota = new QuotaWindows();
  quota.block(0, 600_000, false, AT);
  const isBlocked = (atMs: number): boolean => quota.blockedUntilMs(0, atMs) > 0;
  quota.observe(0, reading(AT - 1, 10)); // from before the block
  quota.observe(0, reading(AT + 1_000, 10));
  quota.observe(0, reading(AT + 15_999, 10));
  expect(isBlocked(AT + 16_000)).toBe(true);
  quota.observe(0, reading(AT + 16_000, 10));
  expect(isBlocked(AT + 16_000)).toBe(false);
});

test('a reading without quota between the two begins anew', () => {
  const quota = new QuotaWindows();
  quota.block(0, 600_000, false, AT);
  quota.observe(0, reading(AT + 1_000, 10));
  quota.observe(0, reading(AT + 10_000, 100, null, 1));
  quota.observe(0, reading(AT + 20_000, 10));
  expect(quota.blockedUntilMs(0, AT + 20_000)).toBe(AT + 600_000);
});

test('the order in which readings arrive does not matter: the newest of each window counts', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.record({ at: fc.nat(1_000), used: fc.nat(100) }), { minLength: 1, maxLength: 8, selector: ({ at }) => at }), (readings) => {
      const quota = new QuotaWindows();
      for (const { at, used } of readings) quota.observe(0, reading(AT + at, used, used));
      const newest = readings.reduce((a, b) => (b.at > a.at ? b : a));
      expect(quota.leastLeft(0, AT + 1_001)).toBe(100 - newest.used);
    }),
  );
});

test('a block ends by its time or by the rule of two looks, whatever is heard in between', () => {
  const heard = fc.record({ afterMs: fc.nat(40_000), used: fc.constantFrom(10, 99, 100) });
  fc.assert(
    fc.property(fc.array(heard, { maxLength: 12 }), (steps) => {
      const quota = new QuotaWindows();
      quota.block(0, 120_000, false, AT);
      let nowMs = AT;
      let hopeMs: number | null = null;
      let lifted = false;
      for (const { afterMs, used } of steps) {
        nowMs += afterMs + 1;
        quota.observe(0, reading(nowMs, used));
        if (used === 100) hopeMs = null;
        else if (hopeMs === null) hopeMs = nowMs;
        else if (nowMs - hopeMs >= 15_000) lifted = true;
        expect(quota.blockedUntilMs(0, nowMs) > 0).toBe(!lifted && nowMs < AT + 120_000);
      }
    }),
    { numRuns: 1_000 },
  );
});

test('what is written is what moved by a point, what is a minute newer, and every block', () => {
  const quota = new QuotaWindows();
  quota.observe(0, { ...reading(AT, 10), short: { usedPercent: 10, windowS: 18_000, resetAtS: AT / 1_000 + 600 } });
  expect([...quota.takeChanges().keys()]).toEqual([0]);
  quota.observe(0, { ...reading(AT + 1_000, 10), short: { usedPercent: 10.5, windowS: 18_000, resetAtS: AT / 1_000 + 600 } });
  expect(quota.hasChanges).toBe(false);
  quota.observe(0, { ...reading(AT + 2_000, 10), short: { usedPercent: 11, windowS: 18_000, resetAtS: AT / 1_000 + 600 } });
  expect([...quota.takeChanges().keys()]).toEqual([0]);
  quota.observe(0, { ...reading(AT + 62_000, 10), short: { usedPercent: 11, windowS: 18_000, resetAtS: AT / 1_000 + 600 } });
  quota.block(1, null, false, AT);
  const changes = quota.takeChanges();
  expect([...changes.keys()]).toEqual([0, 1]);
  expect(changes.get(1)).toEqual({ held: null, seenAtMs: AT, block: { untilMs: AT + 300_000, sinceMs: AT, liftedMs: 0 } });
  quota.putBack(changes.keys());
  expect([...quota.takeChanges().keys()]).toEqual([0, 1]);
});

test('of what other processes have learnt the newer reading counts, and the longer block', () => {
  const [here, there] = [new QuotaWindows(), new QuotaWindows()];
  const tell = (): void => {
    for (const [slot, record] of there.takeChanges()) here.learn(slot, record, AT);
  };
  there.observe(0, reading(AT, 92));
  tell();
  expect([here.band(0, 0, AT), here.isRemembered(0, AT), here.hasChanges]).toEqual(['thin', false, false]);
  here.observe(0, reading(AT + 2_000, 10));
  there.observe(0, reading(AT + 1_000, 96));
  there.block(0, 600_000, false, AT + 1_500);
  tell();
  expect([here.leastLeft(0, AT + 2_000), here.blockedUntilMs(0, AT + 2_000)]).toEqual([90, AT + 601_500]);
  // One that has not heard of a block neither ends nor shortens it, and a second look of another process does.
  here.learn(0, { held: null, seenAtMs: AT + 3_000, block: NO_BLOCK }, AT);
  here.learn(0, { held: null, seenAtMs: AT + 3_000, block: { untilMs: AT + 23_000, sinceMs: AT + 3_000, liftedMs: 0 } }, AT);
  expect(here.blockedUntilMs(0, AT + 3_000)).toBe(AT + 601_500);
  there.observe(0, reading(AT + 4_000, 1));
  there.observe(0, reading(AT + 20_000, 1));
  tell();
  expect(here.blockedUntilMs(0, AT + 20_000)).toBe(0);
  // It is told with whatever comes next, for the two may be written at once.
  here.block(0, 500_000, false, AT + 21_000);
  there.block(0, 400_000, false, AT + 22_000);
  there.observe(0, reading(AT + 23_000, 1));
  there.observe(0, reading(AT + 38_000, 1));
  there.block(0, null, true, AT + 39_000);
  tell();
  expect(here.blockedUntilMs(0, AT + 39_000)).toBe(AT + 59_000);
});

test('a refusal that comes after a first look at quota makes two more looks needed, unless it was by the minute and the block is longer', () => {
  const looks = (isShort: boolean): boolean => {
    const quota = new QuotaWindows();
    quota.block(0, 600_000, false, AT);
    quota.observe(0, reading(AT + 1_000, 10));
    quota.block(0, 1_000, isShort, AT + 2_000);
    quota.observe(0, reading(AT + 16_000, 10));
    return quota.blockedUntilMs(0, AT + 16_000) > 0;
  };
  expect([looks(false), looks(true)]).toEqual([true, false]);
});

test('what was learnt under a clock that has been set back since does not last longer for that', () => {
  const [early, late] = [new QuotaWindows(), new QuotaWindows()];
  const tomorrow = AT + 86_400_000;
  early.observe(0, reading(tomorrow, 40));
  early.block(0, 300_000, false, tomorrow);
  for (const [slot, record] of early.takeChanges()) {
    late.restore(slot, record, AT);
    late.learn(slot, record, AT + 1_000);
  }
  expect([late.blockedUntilMs(0, AT + 300_999) > 0, late.blockedUntilMs(0, AT + 301_000)]).toEqual([true, 0]);
  late.observe(0, reading(AT + 2_000, 70));
  expect(late.leastLeft(0, AT + 2_000)).toBe(30);
});
