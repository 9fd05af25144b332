import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { Uptake } from './uptake.ts';

/** More than the system keeps of a connection on this machine. */
const MUCH = Buffer.alloc(32 * 1_048_576);

/** Two ends; the peer reads nothing. */
async function open(): Promise<{ wire: Socket; peer: Socket }> {
  const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const wire = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [[peer]] = (await Promise.all([once(server, 'connection'), once(wire, 'connect')])) as [[Socket], unknown];
  onTestFinished(() => {
    wire.destroy();
    peer.destroy();
    server.close();
  });
  return { wire, peer };
}

/** Looks each turn, a millisecond apart. */
async function until(uptake: Uptake, clock: { ms: number }, holds: (stuckMs: number) => boolean): Promise<void> {
  while (!holds(uptake.stuckMs(++clock.ms))) await new Promise((resolve) => setImmediate(resolve));
}

test('while nothing waits nobody is stuck, however long that is', async () => {
  const { wire } = await open();
  const uptake = new Uptake(wire, 0);
  expect([uptake.stuckMs(1_000), uptake.stuckMs(100_000)]).toEqual([0, 0]);
});

test('a peer that takes nothing is stuck, and more that is sent to it does not change that', async () => {
  const { wire } = await open();
  const uptake = new Uptake(wire, 0);
  const clock = { ms: 0 };
  wire.write(MUCH);
  await until(uptake, clock, (stuckMs) => stuckMs > 500);
  const before = uptake.stuckMs(clock.ms);
  wire.write('more');
  expect(uptake.stuckMs(clock.ms + 60_000)).toBe(before + 60_000);
});

test('one that takes of a single large write is not, long before the write is over', async () => {
  const { wire, peer } = await open();
  const uptake = new Uptake(wire, 0);
  const clock = { ms: 0 };
  let isOver = false;
  wire.write(MUCH, () => (isOver = true));
  await until(uptake, clock, (stuckMs) => stuckMs > 500);
  let read = 0;
  peer.on('data', (chunk: Buffer) => {
    read += chunk.length;
    if (read > MUCH.length / 2) peer.pause();
  });
  peer.resume();
  await until(uptake, clock, (stuckMs) => stuckMs === 0);
  await until(uptake, clock, (stuckMs) => stuckMs > 500);
  expect([isOver, wire.writableLength]).toEqual([false, MUCH.length]);
  peer.removeAllListeners('data').resume();
  await until(uptake, clock, () => wire.writableLength === 0);
  expect(uptake.stuckMs(clock.ms + 60_000)).toBe(0);
});
