import fc from 'fast-check';
import { expect, test } from 'vitest';
import { waitHint } from './wait-hint.ts';

const NOW_MS = 1_800_000_000_000;
const hint = (error: { in?: unknown; at?: unknown; message?: unknown }, headers: Record<string, string> | null = {}): number | null =>
  waitHint({ resetsInS: error.in, resetsAtS: error.at, message: error.message }, headers, NOW_MS);

test.each([
  ['seconds from now', { in: 90 }, {}, 90],
  ['a moment to come', { at: NOW_MS / 1_000 + 45 }, {}, 45],
  ['a moment that has passed', { at: NOW_MS / 1_000 - 45 }, {}, null],
  ['a moment that has passed, and a header', { at: 5 }, { 'retry-after': '7' }, 7],
  ['Retry-After in seconds', {}, { 'retry-after': '7' }, 7],
  ['Retry-After in milliseconds', {}, { 'retry-after-ms': '20' }, 0.02],
  ['both headers: the finer one', {}, { 'retry-after': '1', 'retry-after-ms': '250' }, 0.25],
  ['Retry-After as a date, which hangs on another clock', {}, { 'retry-after': 'Wed, 21 Oct 2026 07:28:00 GMT' }, null],
  ['Retry-After that is no number', {}, { 'retry-after': '0x10' }, null],
  ['Retry-After below nothing', {}, { 'retry-after': '-5' }, null],
  ['words', { message: 'Rate limit reached. Please try again in 1.2s.' }, {}, 1.2],
  ['words in milliseconds', { message: 'Please try again in 20ms.' }, {}, 0.02],
  ['words in two units', { message: 'try again in 6m30s' }, {}, 390],
  ['words written out', { message: 'Try again in 2 hours' }, {}, 7_200],
  ['words that say nothing', { message: 'try again in a moment' }, {}, null],
  ['the body before the headers', { in: 3 }, { 'retry-after': '7' }, 3],
  ['the headers before the words', { message: 'try again in 9s' }, { 'retry-after': '7' }, 7],
  ['nothing', {}, {}, null],
  ['texts where numbers should be', { in: '90', at: '1', message: 5 }, {}, null],
  ['longer than any window', { in: 1e12 }, {}, 31 * 86_400],
] as const)('%s', (_name, error, headers, seconds) => {
  const found = hint(error, headers);
  if (seconds === null) expect(found).toBeNull();
  else expect(found).toBeCloseTo(seconds, 6);
});

test('inside a stream there are no headers', () => {
  expect(hint({ message: 'try again in 1.2s' }, null)).toBe(1.2);
});

test('whatever an upstream says, the wait is a finite number from nothing to a month, or none', () => {
  fc.assert(
    fc.property(fc.anything(), fc.anything(), fc.oneof(fc.string(), fc.anything()), fc.string(), (inS, at, message, header) => {
      const found = hint({ in: inS, at, message }, { 'retry-after': header, 'retry-after-ms': header });
      return found === null || (found >= 0 && found <= 31 * 86_400);
    }),
  );
});
