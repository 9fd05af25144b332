import { expect, test } from 'vitest';
import { forwardSignals } from './forward-signals.mjs';

function childThatCounts() {
  const got = [];
  return { got, kill: (signal) => got.push(signal) };
}

test('a signal sent to us alone is passed on, and named when forwarding stops', () => {
  const child = childThatCounts();
  const stop = forwardSignals(child, { terminal: false });
  process.emit('SIGTERM');
  process.emit('SIGINT');
  expect(stop()).toBe('SIGTERM');
  expect(child.got).toEqual(['SIGTERM', 'SIGINT']);
});

test('Ctrl-C in a terminal has reached the child already and is not sent twice', () => {
  const child = childThatCounts();
  const stop = forwardSignals(child, { terminal: true });
  process.emit('SIGINT');
  process.emit('SIGTERM');
  expect(stop()).toBe('SIGINT');
  expect(child.got).toEqual(['SIGTERM']);
});

test('once stopped, nothing is listened to any more', () => {
  const before = process.listenerCount('SIGTERM');
  const stop = forwardSignals(childThatCounts(), { terminal: false });
  expect(process.listenerCount('SIGTERM')).toBe(before + 1);
  expect(stop()).toBe(null);
  expect(process.listenerCount('SIGTERM')).toBe(before);
});
