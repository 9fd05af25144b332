import type { SwitchyardError } from '@switchyard/contracts';
import { fakeClock } from '@switchyard/testkit';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { exchangeOf } from '../../test/waiting-exchange.ts';
import type { Owner } from '../attempt/owner.ts';
import type { Taken } from '../exchange.ts';
import { LANES } from '../routes.ts';
import type { Lane } from '../routes.ts';
import { Gate } from './gate.ts';
import type { ShedReason } from './gate.ts';
import { Pressure } from './pressure.ts';
import { WaitingRoom } from './waiting-room.ts';

type Entry = Owner['strength'] | 'fresh';
const HARD = { strength: 'hard' } as const;
const SOFT = { strength: 'soft' } as const;

function openGate(limits: Partial<Record<Lane, number>> = {}, { maxActive = 100, queue = 4 } = {}) {
  const clock = fakeClock();
  const pressure = new Pressure(clock.now);
  const shed: [Lane, ShedReason][] = [];
  const room = new WaitingRoom({ max: queue, waitMs: 750, pressedWaitMs: 200, pressure, nowMs: clock.now, after: clock.after, onEnd: () => {} });
  const gate = new Gate({
    maxActive,
    laneLimits: { responses: 2, compact: 1, websocket: 2, standard: 1, ...limits },
    room,
    pressure,
    onShed: (lane, why) => shed.push([lane, why]),
  });
  /** Lets one more in, as far as it comes. @returns the exchange, and what became of it */
  const come = (lane: Lane, owner: Pick<Owner, 'strength'> | null = null, exchange: Taken = exchangeOf(lane)) => {
    const full = gate.enter(exchange);
    const outcome = full ?? gate.admit(exchange, owner);
    const met: { exchange: Taken; outcome: typeof outcome; said: SwitchyardError | null | undefined } = { exchange, outcome, said: undefined };
    if (outcome instanceof Promise) void outcome.then((said) => (met.said = said));
    else met.said = outcome;
    return met;
  };
  return { clock, pressure, gate, room, shed, come };
}

test('who finds a place does not wait, and gives everything back once, however often it leaves', () => {
  const { gate, come } = openGate();
  const { exchange, outcome } = come('responses');
  expect([outcome, exchange.place, gate.active, gate.inLane('responses'), exchange.key.load.active]).toEqual([null, 'lane', 1, 1, 1]);
  gate.leave(exchange);
  gate.leave(exchange);
  expect([exchange.place, gate.active, gate.inLane('responses'), exchange.key.load.active]).toEqual(['none', 0, 0, 0]);
});

test('a full lane is waited for, and a place that comes free goes to who came first', async () => {
  const { gate, clock, come } = openGate();
  const inside = [come('responses'), come('responses')];
  const waiting = [come('responses'), come('responses', SOFT), come('responses')];
  expect(gate.waitingFor('responses')).toBe(3);
  for (const { exchange } of inside) gate.leave(exchange);
  await clock.advance(1);
  expect(waiting.map(({ said, exchange }) => [said, exchange.place])).toEqual([
    [null, 'lane'],
    [null, 'lane'],
    [undefined, 'active'],
  ]);
  expect(gate.inLane('responses')).toBe(2);
});

test('who waits in vain is told to come again after three seconds, and has cost nothing', async () => {
  const { gate, clock, come, shed } = openGate();
  come('compact');
  const late = come('compact');
  await clock.advance(749);
  expect(late.said).toBeUndefined();
  await clock.advance(26);
  expect(late.said).toMatchObject({ code: 'server_is_overloaded', message: expect.stringContaining('lane "compact"') });
  gate.leave(late.exchange);
  expect([gate.active, gate.waitingFor('compact'), clock.pending, shed]).toEqual([1, 0, 0, [['compact', 'timed_out']]]);
});

test('a client that leaves is out of the line at once', async () => {
  const { gate, clock, come } = openGate();
  const inside = come('compact');
  const [gone, next] = [come('compact'), come('compact')];
  gone.exchange.call!.abort();
  gate.leave(gone.exchange);
  gate.leave(inside.exchange);
  await clock.advance(1);
  expect([gone.said, next.said, next.exchange.place, gate.active]).toEqual([null, null, 'lane', 1]);
});

test('a place given to a client that has left in the same moment is given on', async () => {
  const { gate, clock, come } = openGate();
  const inside = come('compact');
  const [gone, next] = [come('compact'), come('compact')];
  gate.leave(inside.exchange);
  gone.exchange.call?.abort();
  gate.leave(gone.exchange);
  await clock.advance(1);
  expect([next.exchange.place, gate.inLane('compact'), gate.active]).toEqual(['lane', 1, 1]);
});

test('what only its owner can continue comes in though the lane is full, and the lane empties before others come in', async () => {
  const { gate, clock, come } = openGate();
  const inside = [come('compact'), come('compact', HARD), come('compact', { strength: 'firm' })];
  expect(inside.map(({ outcome }) => outcome)).toEqual([null, null, null]);
  const waiting = come('compact');
  for (const { exchange } of inside.slice(0, 2)) gate.leave(exchange);
  await clock.advance(1);
  expect([waiting.said, gate.inLane('compact')]).toEqual([undefined, 1]);
  gate.leave(inside[2]!.exchange);
  await clock.advance(1);
  expect(waiting.said).toBeNull();
});

test('with all places taken nobody comes in, and with all of its key’s neither does that key', () => {
  const { gate, come, shed } = openGate({ responses: 10 }, { maxActive: 3 });
  gate.limitKeys(2);
  const load = { active: 0, sockets: 0 };
  for (let i = 0; i < 2; i++) come('responses', null, exchangeOf('responses', load));
  const third = come('responses', null, exchangeOf('responses', load));
  expect(third.said).toMatchObject({ code: 'rate_limit_exceeded' });
  expect(come('responses').said).toBeNull();
  expect(come('responses', HARD).said).toMatchObject({ code: 'server_is_overloaded' });
  expect(shed.map(([, why]) => why)).toEqual(['key_full', 'active_full']);
  expect([gate.active, load.active]).toEqual([3, 2]);
});

test('with nowhere left to wait, what was begun least gives way', async () => {
  const { clock, come, shed } = openGate();
  for (const lane of LANES) for (let i = 0; i < 2; i++) come(lane, lane === 'compact' || lane === 'standard' ? (i === 0 ? null : HARD) : null);
  const first = { compact: come('compact'), standard: come('standard'), responses: come('responses'), soft: come('websocket', SOFT) };
  const expectGone = async (...gone: (keyof typeof first)[]): Promise<void> => {
    await clock.advance(0);
    expect((Object.keys(first) as (keyof typeof first)[]).filter((name) => first[name].said !== undefined)).toEqual(gone);
  };
  come('responses');
  await expectGone('compact');
  come('websocket');
  await expectGone('compact', 'standard');
  expect(come('standard').said).toMatchObject({ code: 'server_is_overloaded' });
  come('responses', SOFT);
  await expectGone('compact', 'standard'); // of those of one rank the last that came
  expect(shed.map(([lane, why]) => `${lane} ${why}`)).toEqual(['compact gave_way', 'standard gave_way', 'standard pressure', 'websocket gave_way']);
});

test('with nowhere left to wait and nobody who gives way sooner, who comes last is refused', () => {
  const { come, shed } = openGate();
  for (let i = 0; i < 2 + 4; i++) come('responses');
  expect(come('responses').said).toMatchObject({ code: 'server_is_overloaded' });
  expect(shed).toEqual([['responses', 'queue_full']]);
});

test('under pressure new compactions are turned away at once, and others wait for less', async () => {
  const { clock, pressure, gate, come } = openGate();
  for (let i = 0; i < 2; i++) pressure.tick({ loopDelayMs: 101, journalRows: 0 });
  expect(come('compact').said).toMatchObject({ code: 'server_is_overloaded' });
  expect([come('compact', SOFT).said, come('standard').said, come('responses').said]).toEqual([null, null, null]);
  come('responses');
  const late = come('responses');
  await clock.advance(225);
  expect(late.said).toMatchObject({ code: 'server_is_overloaded' });
  pressure.tick({ loopDelayMs: 0, journalRows: 10_001 });
  expect([gate.inLane('standard'), come('standard').said?.code]).toEqual([1, 'server_is_overloaded']);
});

test('places are never more than there are, nobody waits for one that is free, and in the end all are back (10 000 steps)', async () => {
  const entry = fc.constantFrom<Entry>('fresh', 'fresh', 'soft', 'firm', 'hard');
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.record({ does: fc.constant('come' as const), lane: fc.constantFrom(...LANES), entry, key: fc.nat(2) }) },
    { weight: 3, arbitrary: fc.record({ does: fc.constant('leave' as const), who: fc.nat() }) },
    { weight: 1, arbitrary: fc.record({ does: fc.constant('wait' as const), ms: fc.constantFrom(0, 25, 200, 800) }) },
    { weight: 1, arbitrary: fc.record({ does: fc.constant('tick' as const), loopDelayMs: fc.constantFrom(0, 200), journalRows: fc.constantFrom(0, 20_000) }) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 100 }), async (steps) => {
      const limits = { responses: 3, compact: 1, websocket: 2, standard: 2 };
      const { gate, clock, pressure, room, come } = openGate(limits, { maxActive: 12, queue: 5 });
      gate.limitKeys(9);
      const loads = [
        { active: 0, sockets: 0 },
        { active: 0, sockets: 0 },
        { active: 0, sockets: 0 },
      ];
      const there: (ReturnType<typeof come> & { entry: Entry; lane: Lane })[] = [];
      const leave = (who: (typeof there)[number]): void => {
        who.exchange.call?.abort();
        gate.leave(who.exchange);
        there.splice(there.indexOf(who), 1);
      };
      for (const now of steps) {
        if (now.does === 'come') {
          const { lane } = now;
          const before = { active: gate.active, inLane: gate.inLane(lane), waiting: room.count, load: loads[now.key]!.active, step: pressure.step };
          const met = come(lane, now.entry === 'fresh' ? null : { strength: now.entry }, exchangeOf(lane, loads[now.key]));
          const isHard = now.entry === 'hard' || now.entry === 'firm';
          // What the rules say of it, from what was there before.
          if (before.load >= 9) expect(met.said?.code).toBe('rate_limit_exceeded');
          else if (before.active >= 12) expect(met.said?.code).toBe('server_is_overloaded');
          else if (isHard) expect(met.said).toBeNull();
          else if (before.step === 0 && before.inLane < limits[lane]) expect(met.said).toBeNull();
          else if (before.inLane >= limits[lane]) expect(met.exchange.place).toBe('active');
          if (met.exchange.place === 'none') expect(met.said).not.toBeNull();
          else there.push({ ...met, entry: now.entry, lane });
        } else if (now.does === 'leave' && there.length > 0) leave(there[now.who % there.length]!);
        else if (now.does === 'wait') await clock.advance(now.ms);
        else if (now.does === 'tick') pressure.tick(now);
        await clock.advance(0);
        // Refused ones leave, as the pipeline has them do.
        for (const one of there.filter(({ exchange }) => exchange.place === 'active' && exchange.call === null)) leave(one);

        expect(gate.active).toBe(there.length);
        expect(gate.active).toBeLessThanOrEqual(12);
        expect(loads.map(({ active }) => active)).toEqual([0, 1, 2].map((key) => there.filter(({ exchange }) => exchange.key.load === loads[key]).length));
        expect(room.count).toBeLessThanOrEqual(5);
        for (const lane of LANES) {
          const inside = there.filter((one) => one.lane === lane && one.exchange.place === 'lane');
          expect(gate.inLane(lane)).toBe(inside.length);
          expect(inside.filter((one) => one.entry === 'fresh' || one.entry === 'soft').length).toBeLessThanOrEqual(limits[lane]);
          if (gate.waitingFor(lane) > 0) expect(gate.inLane(lane)).toBeGreaterThanOrEqual(limits[lane]);
        }
      }
      while (there.length > 0) leave(there[0]!);
      await clock.advance(1_000);
      expect([gate.active, room.count, clock.pending, ...LANES.map((lane) => gate.inLane(lane))]).toEqual([0, 0, 0, 0, 0, 0, 0]);
    }),
    { numRuns: 200 },
  );
});
