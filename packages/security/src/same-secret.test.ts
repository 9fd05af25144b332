import fc from 'fast-check';
import { expect, test } from 'vitest';

import { sameSecret } from './same-secret.ts';

test('two secrets are the same when every character is', () => {
  fc.assert(fc.property(fc.string(), fc.string(), (a, b) => sameSecret(a, b) === (a === b) && sameSecret(a, a)));
  expect(sameSecret('', '')).toBe(true);
  expect(sameSecret('abc', 'abcd')).toBe(false);
});
