import { temporaryHome } from '@switchyard/testkit';
import { Coverage } from './coverage.ts';
import type { Databases } from './databases.ts';
import { World } from './world.ts';

/** A world on a database and in a folder of its own, which are gone with it. */
export async function openWorld(databases: Databases, stack: AsyncDisposableStack): Promise<World> {
  const home = stack.use(await temporaryHome());
  const world = stack.use(new World({ connection: await databases.make(), home: home.path, coverage: new Coverage() }));
  await world.open();
  return world;
}
