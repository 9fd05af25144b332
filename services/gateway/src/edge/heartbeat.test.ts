import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import type { WebSocket } from 'ws';
import { Heartbeat } from './heartbeat.ts';

function peer(): { ws: WebSocket; pings: () => number; pong: () => void } {
  let pings = 0;
  const emitter = Object.assign(new EventEmitter(), { ping: () => void pings++ });
  return { ws: emitter as unknown as WebSocket, pings: () => pings, pong: () => void emitter.emit('pong') };
}

test('a peer that answers lives, one ping an interval', () => {
  const { ws, pings, pong } = peer();
  const heart = new Heartbeat(ws, 20_000, 0);
  for (let nowMs = 0; nowMs <= 200_000; nowMs += 250) {
    expect(heart.beat(nowMs, true)).toBe(true);
    if (nowMs % 1_000 === 0) pong();
  }
  expect(pings()).toBe(10);
});

test('a peer that has vanished right after a pong is dead within 45 s (B18)', () => {
  const { ws } = peer();
  const heart = new Heartbeat(ws, 20_000, 0);
  let diedMs = 0;
  while (heart.beat(diedMs, true)) diedMs += 250;
  expect(diedMs).toBeGreaterThan(40_000);
  expect(diedMs).toBeLessThanOrEqual(45_250);
});

test('the silence of one that cannot answer says nothing', () => {
  const { ws, pings } = peer();
  const heart = new Heartbeat(ws, 20_000, 0);
  heart.beat(20_000, true);
  expect(heart.beat(200_000, false)).toBe(true);
  expect(heart.beat(219_999, true)).toBe(true);
  expect(pings()).toBe(1);
  heart.beat(220_000, true);
  expect(pings()).toBe(2);
});
