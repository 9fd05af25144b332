import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { isLingering, linger } from './linger.ts';

class FakeSocket extends EventEmitter {
  destroyed = false;
  ends = 0;
  end(): void {
    this.ends++;
  }
  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

const lingering = (): { fake: FakeSocket; socket: Socket } => {
  const fake = new FakeSocket();
  return { fake, socket: fake as unknown as Socket };
};

test('our side ends at once and only once; the client has five seconds to end too', () => {
  const { fake, socket } = lingering();
  expect(isLingering(socket)).toBe(false);
  linger(socket);
  linger(socket);
  expect([fake.ends, isLingering(socket), fake.destroyed]).toEqual([1, true, false]);
  vi.advanceTimersByTime(4_999);
  expect(fake.destroyed).toBe(false);
  vi.advanceTimersByTime(1);
  expect(fake.destroyed).toBe(true);
});

test('a client that ends in time leaves no timer behind', () => {
  const { fake, socket } = lingering();
  linger(socket);
  fake.destroy();
  expect(vi.getTimerCount()).toBe(0);
});

test('a connection that is gone is left alone', () => {
  const { fake, socket } = lingering();
  fake.destroy();
  linger(socket);
  expect([fake.ends, vi.getTimerCount(), isLingering(socket)]).toEqual([0, 0, false]);
});
