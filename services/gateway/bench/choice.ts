import type { Upstream } from '@switchyard/contracts';
import { makeSnapshot } from '../src/choice/account.ts';
import type { Account } from '../src/choice/account.ts';
import { chooseAccount } from '../src/choice/choose-account.ts';
import { LANE_AT } from '../src/choice/lanes.ts';
import { LiveFigures } from '../src/choice/live-figures.ts';

// What one choice costs with 10 to 10 000 accounts, while requests begin and end, quotas move and accounts fail. Prints one line of JSON:
// microseconds of a choice, and of a whole turn (choose, begin, end of the oldest, a success). Run it with `node services/gateway/bench/choice.ts`.

const SIZES = [10, 100, 1_000, 10_000];
const TURNS = 40_000;
const RUNNING = 200;
const lane = LANE_AT.responses;
const upstream = {} as Upstream; // never asked

function measure(size: number): { accounts: number; choice_us: { median: number; p99: number }; turn_us: number; settle_ms: number } {
  const live = new LiveFigures({ nowMs: () => performance.now(), wallClockMs: Date.now });
  const accounts = Array.from({ length: size }, (_, i): Account => {
    const name = `a${String(i).padStart(5, '0')}`;
    return {
      id: name,
      name,
      kind: 'openai',
      source: 'api',
      baseUrl: 'http://127.0.0.1/v1',
      models: ['m'],
      modelMap: null,
      createdAtMs: 0,
      priority: 100,
      softInFlight: 4,
      maxInFlight: 8,
      reservePercent: 0,
      slot: live.slotOf(name),
      headers: [],
      headerNames: new Set(),
      speaksWebSocket: false,
      basePath: '/v1',
      upstream,
    };
  });
  const snapshot = makeSnapshot(1, accounts);
  live.adopt(snapshot);
  const tell = (slot: number, usedPercent: number): void =>
    live.observe(slot, {
      source: 'header',
      atMs: Date.now(),
      short: { usedPercent, windowS: 18_000, resetAtS: Date.now() / 1_000 + 9_000 },
      weekly: { usedPercent: usedPercent / 2, windowS: 604_800, resetAtS: Date.now() / 1_000 + 300_000 },
      planType: null,
    });
  for (const { slot } of accounts) tell(slot, (slot * 37) % 100);
  const query = { model: 'm', lane, key: { accounts: null }, tried: [] };
  const running: Account[] = [];
  const times = new Float64Array(TURNS);
  let spentMs = 0;
  for (let turn = -TURNS / 4; turn < TURNS; turn++) {
    const startedMs = performance.now();
    const { account } = chooseAccount(snapshot, live, query);
    const chosenMs = performance.now();
    if (account === null) throw new Error('nobody could be chosen');
    live.begin(account.slot, lane);
    running.push(account);
    if (running.length > Math.min(RUNNING, size * 2)) {
      const { slot } = running.shift()!;
      live.succeeded(slot, lane, 50 + (turn & 1_023));
      live.finish(slot);
    }
    if (turn % 10 === 0) tell(account.slot, (account.slot * 37 + turn) % 100 > 97 ? 97 : Math.abs(account.slot * 37 + turn) % 97);
    if (turn % 500 === 0) live.failed(account.slot, lane, 'overload', 'overload', null);
    if (turn < 0) continue;
    times[turn] = chosenMs - startedMs;
    spentMs += performance.now() - startedMs;
  }
  const settles = Array.from({ length: 40 }, () => {
    const settledMs = performance.now();
    live.settle();
    return performance.now() - settledMs;
  }).sort((a, b) => a - b);
  const settleMs = settles[settles.length / 2]!;
  times.sort();
  const us = (ms: number): number => Math.round(ms * 1e5) / 100;
  return {
    accounts: size,
    choice_us: { median: us(times[TURNS / 2]!), p99: us(times[Math.floor(TURNS * 0.99)]!) },
    turn_us: us(spentMs / TURNS),
    settle_ms: Math.round(settleMs * 100) / 100,
  };
}

process.stdout.write(`${JSON.stringify({ choice: SIZES.map(measure) })}\n`);
