import type { Upstream } from '@switchyard/contracts';
import { AccountPlaces } from '../src/admission/account-places.ts';
import { Pressure } from '../src/admission/pressure.ts';
import { WaitingRoom } from '../src/admission/waiting-room.ts';
import { placeFor } from '../src/attempt/place-for.ts';
import { makeSnapshot } from '../src/choice/account.ts';
import type { Account } from '../src/choice/account.ts';
import { chooseAccount } from '../src/choice/choose-account.ts';
import { LANE_AT } from '../src/choice/lanes.ts';
import { LiveFigures } from '../src/choice/live-figures.ts';
import { nobodyLeft } from '../src/choice/nobody-left.ts';
import { hasFull, poolOf } from '../src/choice/pool.ts';
import { exchangeOf } from '../test/waiting-exchange.ts';

// What one choice costs with 10 to 10 000 accounts, while requests begin and end, quotas move and accounts fail; and what it costs when nobody can
// be chosen. Prints one line of JSON: microseconds of a choice, and of a whole turn (choose, begin, end of the oldest, a success); with all
// accounts full, of beginning to wait and of handing over a place that comes free; with all out of quota, of a refusal. Run it with
// `node services/gateway/bench/choice.ts`.

const SIZES = [10, 100, 1_000, 10_000];
const TURNS = 40_000;
const RUNNING = 200;
const WAITING = 1_000;
const lane = LANE_AT.responses;
const upstream = {} as Upstream; // never asked

function figures(): LiveFigures {
  return new LiveFigures({ nowMs: () => performance.now(), wallClockMs: Date.now });
}

function accountsOf(live: LiveFigures, size: number): Account[] {
  return Array.from({ length: size }, (_, i): Account => {
    const name = `a${String(i).padStart(5, '0')}`;
    return {
      id: name,
      name,
      kind: 'openai',
      source: 'api',
      baseUrl: 'http://127.0.0.1/v1',
      models: ['m'],
      limited: null,
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
}

function measure(size: number): { accounts: number; choice_us: { median: number; p99: number }; turn_us: number; settle_ms: number } {
  const live = figures();
  const accounts = accountsOf(live, size);
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
  times.sort();
  return {
    accounts: size,
    choice_us: { median: us(times[TURNS / 2]!), p99: us(times[Math.floor(TURNS * 0.99)]!) },
    turn_us: us(spentMs / TURNS),
    settle_ms: settleMs(live),
  };
}

/** Waiting for a place while every account is full, as many at once as may wait, and the handing over of those that come free. */
async function measureFull(size: number): Promise<{ accounts: number; wait_us: number; hand_over_us: number }> {
  const live = figures();
  const accounts = accountsOf(live, size);
  const pool = poolOf(makeSnapshot(1, accounts));
  live.adopt(pool.members);
  for (const { slot, maxInFlight } of accounts) for (let i = 0; i < maxInFlight; i++) live.begin(slot, lane);
  const pressure = new Pressure(() => performance.now());
  const options = { max: WAITING, waitMs: 60_000, pressedWaitMs: 60_000, pressure, nowMs: () => performance.now(), after: () => () => {}, onEnd: () => {} };
  const places = new AccountPlaces({ live, room: new WaitingRoom(options), gate: { makeRoom: () => false }, onShed: () => {} });
  let waitMs = 0;
  let handedMs = 0;
  const rounds = 20;
  for (let round = 0; round < rounds; round++) {
    const exchanges = Array.from({ length: WAITING }, () => exchangeOf('responses'));
    const query = { model: 'm', lane, key: { accounts: null }, tried: [] };
    const beganMs = performance.now();
    const waiting = exchanges.map((exchange) => {
      if (chooseAccount(pool.members, live, query).account !== null || !hasFull(pool, live, query)) throw new Error('not all are full');
      return placeFor(exchange, null, null, pool, [], { live, places });
    });
    const freedMs = performance.now();
    for (let i = 0; i < WAITING; i++) live.finish(accounts[(i * 7) % size]!.slot);
    handedMs += performance.now() - freedMs;
    waitMs += freedMs - beganMs;
    if ((await Promise.all(waiting)).includes(null)) throw new Error('a place that came free was handed to nobody');
  }
  return { accounts: size, wait_us: us(waitMs / rounds / WAITING), hand_over_us: us(handedMs / rounds / WAITING) };
}

/** Refusing while every account is out of quota, and keeping that up to date once a second. */
function measureOut(size: number): { accounts: number; refusal_us: number; settle_ms: number } {
  const live = figures();
  const accounts = accountsOf(live, size);
  const pool = poolOf(makeSnapshot(1, accounts));
  live.adopt(pool.members);
  for (const { slot } of accounts) live.block(slot, 3_600_000 + slot * 1_000, false);
  const query = { model: 'm', lane, key: { accounts: null }, tried: [] };
  const refusals = 2_000;
  const beganMs = performance.now();
  for (let i = 0; i < refusals; i++) {
    if (chooseAccount(pool.members, live, query).account !== null || hasFull(pool, live, query)) throw new Error('somebody could be asked');
    if (nobodyLeft(pool, live, query, Date.now()).retryAfterMs === null) throw new Error('nobody is known to come back');
  }
  const refusedMs = performance.now() - beganMs;
  return { accounts: size, refusal_us: us(refusedMs / refusals), settle_ms: settleMs(live) };
}

function settleMs(live: LiveFigures): number {
  const settles = Array.from({ length: 40 }, () => {
    const startedMs = performance.now();
    live.settle();
    return performance.now() - startedMs;
  }).sort((a, b) => a - b);
  return Math.round(settles[settles.length / 2]! * 100) / 100;
}

function us(ms: number): number {
  return Math.round(ms * 1e5) / 100;
}

const full = [];
for (const size of SIZES) full.push(await measureFull(size));
process.stdout.write(`${JSON.stringify({ choice: SIZES.map(measure), full, out_of_quota: SIZES.map(measureOut) })}\n`);
