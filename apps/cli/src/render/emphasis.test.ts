import { expect, test } from 'vitest';
import { emphasisFor } from './emphasis.ts';

const write = (): void => {};

test('a terminal gets bold titles', () => {
  expect(emphasisFor({ write, isTTY: true }, { TERM: 'xterm' })('A')).toBe('\u001b[1mA\u001b[22m');
});

test.each([
  { isTTY: false, env: {} },
  { isTTY: true, env: { NO_COLOR: '1' } },
  { isTTY: true, env: { TERM: 'dumb' } },
])('plain text where nobody wants more: $isTTY $env', ({ isTTY, env }) => {
  expect(emphasisFor({ write, isTTY }, env)('A')).toBe('A');
});

test('an empty NO_COLOR counts as none', () => {
  expect(emphasisFor({ write, isTTY: true }, { NO_COLOR: '' })('A')).not.toBe('A');
});
