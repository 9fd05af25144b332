import type { Random } from './random.ts';
import type { World } from './world.ts';

/** One thing that may happen next. */
export interface Command {
  readonly name: string;
  /** How often, as against the others. */
  readonly weight: number;
  /** @returns false when there is nothing that it could be done to now; then nothing was done */
  run(world: World, random: Random): boolean | Promise<boolean>;
}
