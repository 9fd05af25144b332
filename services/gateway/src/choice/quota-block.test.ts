import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NO_BLOCK, mergeBlocks } from './quota-block.ts';

/** Few moments, so that blocks begin, end and are lifted at the same ones. */
const moment = fc.nat(6);
const block = fc
  .record({ sinceMs: fc.integer({ min: 1, max: 6 }), lastsMs: fc.integer({ min: 1, max: 6 }), liftedMs: moment })
  .map(({ sinceMs, lastsMs, liftedMs }) => mergeBlocks({ untilMs: sinceMs + lastsMs, sinceMs, liftedMs: 0 }, { ...NO_BLOCK, liftedMs }));

test('of two blocks the longer counts, whichever was learnt first and whoever asks, until it is lifted', () => {
  const long = { untilMs: 18_000, sinceMs: 1_000, liftedMs: 0 };
  const short = { untilMs: 3_000, sinceMs: 2_000, liftedMs: 0 };
  expect([mergeBlocks(long, short), mergeBlocks(short, long)]).toEqual([long, long]);
  const lifted = { ...NO_BLOCK, liftedMs: 1_500 };
  expect(mergeBlocks(long, lifted)).toEqual(lifted);
  // One who has heard of the later block alone is told with it that the earlier one is over.
  expect(mergeBlocks(long, { ...short, liftedMs: 1_500 })).toEqual({ ...short, liftedMs: 1_500 });
});

test('it does not matter who merges, how often, or in which order what has not been lifted is heard', () => {
  fc.assert(
    fc.property(block, block, (a, b) => {
      expect(mergeBlocks(a, b)).toEqual(mergeBlocks(b, a));
      expect(mergeBlocks(a, a)).toEqual(a);
      expect(mergeBlocks(a, mergeBlocks(a, b))).toEqual(mergeBlocks(a, b));
    }),
  );
  fc.assert(
    fc.property(fc.array(block, { minLength: 1, maxLength: 6 }), fc.nat(), (blocks, seed) => {
      const alive = blocks.map((each) => ({ ...each, liftedMs: 0 }));
      const shuffled = alive.toSorted((x, y) => ((x.untilMs * 31 + x.sinceMs * 7 + seed) % 11) - ((y.untilMs * 31 + y.sinceMs * 7 + seed) % 11));
      const longest = Math.max(...alive.map(({ untilMs }) => untilMs));
      expect(alive.reduce(mergeBlocks, NO_BLOCK)).toEqual(shuffled.reduce(mergeBlocks, NO_BLOCK));
      expect(alive.reduce(mergeBlocks, NO_BLOCK).untilMs).toBe(longest);
    }),
  );
});

test('what has been lifted never comes back, whatever is heard after', () => {
  fc.assert(
    fc.property(fc.array(block, { minLength: 1, maxLength: 8 }), (blocks) => {
      const known = blocks.reduce(mergeBlocks, NO_BLOCK);
      expect(known.liftedMs).toBe(Math.max(...blocks.map(({ liftedMs }) => liftedMs)));
      if (known.untilMs !== 0) expect(known.sinceMs).toBeGreaterThan(known.liftedMs);
    }),
  );
});
