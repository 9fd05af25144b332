import { expect, test } from 'vitest';
import { temporaryHome, testDatabase } from '@switchyard/testkit';
import { GATEWAY_MIGRATIONS } from '../src/index.ts';
import { Coverage } from './coverage.ts';
import { runCase } from './run-case.ts';
import { World } from './world.ts';

/** Three walks that are the same each time, and one that is another each time; `npm run prove` walks thousands. */
const SEEDS = [1, 2, 3, Math.floor(Math.random() * 2 ** 31)];
const STEPS = 1_000;

test('whatever happens, what must never be is not', { timeout: 240_000 }, async () => {
  await using stack = new AsyncDisposableStack();
  const coverage = new Coverage();
  const worlds: World[] = [];
  for (const _ of SEEDS) {
    const home = stack.use(await temporaryHome());
    const { connection } = stack.use(await testDatabase({ sets: [GATEWAY_MIGRATIONS] }));
    worlds.push(stack.use(new World({ connection, home: home.path, coverage })));
  }
  // Side by side, for most of a walk is waiting for the database.
  const results = await Promise.all(
    worlds.map(async (world, i) => {
      await world.open();
      return { seed: SEEDS[i], violations: (await runCase(world, SEEDS[i]!, STEPS)).violations };
    }),
  );
  expect(results).toEqual(SEEDS.map((seed) => ({ seed, violations: [] })));
});
