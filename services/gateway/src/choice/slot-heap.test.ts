import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SlotHeap } from './slot-heap.ts';

test('the best is the smallest by full comparison, whatever changed before and whoever is left out', () => {
  const change = fc.record({ slot: fc.nat(19), key: fc.nat(9) });
  fc.assert(
    fc.property(
      fc.array(fc.nat(9), { minLength: 1, maxLength: 20 }),
      fc.array(change, { maxLength: 30 }),
      fc.array(fc.nat(19), { maxLength: 22 }),
      (start, changes, out) => {
        const keys = [...start];
        const goesBefore = (a: number, b: number): boolean => keys[a]! < keys[b]! || (keys[a] === keys[b] && a < b);
        const heap = new SlotHeap([...keys.keys()], keys.length, goesBefore);
        const leftOut = new Set(out);
        const best = (): number => [...keys.keys()].filter((slot) => !leftOut.has(slot)).sort((a, b) => (goesBefore(a, b) ? -1 : 1))[0] ?? -1;
        expect(heap.best((slot) => leftOut.has(slot))).toBe(best());
        for (const { slot, key } of changes) {
          if (slot >= keys.length) continue;
          keys[slot] = key;
          heap.moved(slot);
          expect(heap.best((each) => leftOut.has(each))).toBe(best());
        }
      },
    ),
    { numRuns: 10_000 },
  );
});
