import { expect, test } from 'vitest';
import { closeOnSignal } from './close-on-signal.ts';
import { fakeCli } from './fixtures/fake-cli.ts';

/** Something that notes its closing in `order`. */
function closable(order: string[]): AsyncDisposable {
  return { [Symbol.asyncDispose]: async () => void order.push('closed') };
}

test.each(['SIGINT', 'SIGTERM'] as const)('%s while it is being opened waits, closes, and ends by the same signal', async (signal) => {
  const order: string[] = [];
  const { promise: opening, resolve } = Promise.withResolvers<AsyncDisposable>();
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  const { signals } = fakeCli();
  closeOnSignal(opening, { signals, endBy: (by) => (order.push(by), end()) });
  signals.emit(signal, signal);
  signals.emit(signal, signal);
  expect(order).toEqual([]);
  resolve(closable(order));
  await ended;
  expect(order).toEqual(['closed', signal]);
  expect(signals.eventNames()).toEqual([]);
});

test('an opening that fails ends by the signal all the same', async () => {
  const { promise: ended, resolve: end } = Promise.withResolvers<string>();
  const { signals } = fakeCli();
  closeOnSignal(Promise.reject(new Error('no database')), { signals, endBy: end });
  signals.emit('SIGINT', 'SIGINT');
  expect(await ended).toBe('SIGINT');
});

test('taken back, it leaves signals to others', () => {
  const { signals, endBy } = fakeCli();
  closeOnSignal(Promise.resolve(closable([])), { signals, endBy })();
  expect(signals.eventNames()).toEqual([]);
});
