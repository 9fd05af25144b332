import { fakeClock } from '@switchyard/testkit';
import { expect, test } from 'vitest';
import { exchangeOf } from '../../test/waiting-exchange.ts';
import { Pressure } from './pressure.ts';
import { WaitLine } from './wait-line.ts';
import { WaitingRoom } from './waiting-room.ts';
import type { WaitEnd, Waiter } from './waiting-room.ts';

function open(max = 10) {
  const clock = fakeClock();
  const pressure = new Pressure(clock.now);
  const ends: WaitEnd[] = [];
  const room = new WaitingRoom({
    max,
    waitMs: 750,
    pressedWaitMs: 200,
    pressure,
    nowMs: clock.now,
    after: clock.after,
    onEnd: (_exchange, end) => ends.push(end),
  });
  const line = new WaitLine<Waiter>();
  return { clock, pressure, room, ends, line };
}

test('nothing runs while nobody waits', async () => {
  const { clock, room, line } = open();
  expect(clock.pending).toBe(0);
  const waiter = room.join(exchangeOf('responses'), line);
  expect(clock.pending).toBe(1);
  room.end(waiter, 'admitted');
  await clock.advance(25);
  expect(clock.pending).toBe(0);
});

test('a wait ends once, with what came first, and the exchange knows how long it took', async () => {
  const { clock, room, line, ends } = open();
  const exchange = exchangeOf('responses');
  const waiter = room.join(exchange, line);
  expect(exchange.call).toBe(waiter);
  await clock.advance(99.5);
  room.end(waiter, 'admitted');
  waiter.abort();
  room.end(waiter, 'timed_out');
  expect(await waiter.over).toBe('admitted');
  expect([ends, exchange.call, exchange.waitedMs, room.count, line.length]).toEqual([['admitted'], null, 100, 0, 0]);
});

test('who waits again has only what is left of the first time', async () => {
  const { clock, room, line, ends } = open();
  const exchange = exchangeOf('responses');
  const first = room.join(exchange, line);
  await clock.advance(600);
  room.end(first, 'admitted');
  room.join(exchange, line);
  await clock.advance(175);
  expect(ends).toEqual(['admitted', 'timed_out']);
});

test('who begins to wait under pressure goes before one who began without, wherever both stand', async () => {
  const { clock, pressure, room, line, ends } = open();
  const patient = room.join(exchangeOf('responses'), line);
  for (let i = 0; i < 2; i++) pressure.tick({ loopDelayMs: 500, journalRows: 0 });
  const pressed = room.join(exchangeOf('responses'), line);
  await clock.advance(225);
  expect([ends, patient.isOver, pressed.isOver]).toEqual([['timed_out'], false, true]);
});
