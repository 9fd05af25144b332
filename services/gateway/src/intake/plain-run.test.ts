import fc from 'fast-check';
import { expect, test } from 'vitest';
import { endOfPlainRun } from './plain-run.ts';

test('a run ends where a byte-by-byte look says, at every alignment and for every byte', () => {
  fc.assert(
    fc.property(
      fc.nat(300),
      fc.nat(7),
      fc.integer({ min: 0, max: 255 }),
      fc.integer({ min: 0x20, max: 255 }),
      fc.nat(40),
      (plain, offset, stop, fill, after) => {
        const filler = fill === 0x22 || fill === 0x5c ? 0x61 : fill;
        const chunk = Buffer.alloc(offset + plain + 1 + after, filler).subarray(offset);
        chunk[plain] = stop;
        const ends = stop === 0x22 || stop === 0x5c || stop < 0x20;
        expect(endOfPlainRun(chunk, 0)).toBe(ends ? plain : chunk.length);
      },
    ),
    { numRuns: 2_000 },
  );
});

test('it begins where it is told to', () => {
  const chunk = Buffer.from(`"${'a'.repeat(200)}"${'b'.repeat(200)}"`);
  expect([endOfPlainRun(chunk, 0), endOfPlainRun(chunk, 1), endOfPlainRun(chunk, 202), endOfPlainRun(chunk, 403)]).toEqual([0, 201, 402, 403]);
});
