import type { Command } from './command.ts';
import { COMMANDS } from './commands/all.ts';
import type { History, Violation } from './history.ts';
import { judge } from './oracles/judge.ts';
import { Random } from './random.ts';
import type { World } from './world.ts';

/** One step of a case: what was done, and the seed of the choices within it, so that it can be repeated without those before it. */
export interface Step {
  readonly command: string;
  readonly seed: number;
}

export interface CaseResult {
  readonly steps: readonly Step[];
  readonly violations: readonly Violation[];
  /** What was seen since the last look before. */
  readonly history: History;
}

/** Steps of one case, and one of so many after which everything runs to its end and is judged. */
export const CASE_STEPS = 200;
const JUDGED_EVERY = 50;

/** Runs the case that a seed decides, until its end, until something is wrong or until it is told to stop; then what was done is judged all the same. */
export function runCase(world: World, seed: number, steps: number, isStopping: () => boolean = () => false): Promise<CaseResult> {
  const random = new Random(seed);
  return play(world, steps, () => {
    if (isStopping()) return undefined;
    const command = random.weighed(COMMANDS);
    return { command: command.name, seed: random.seed() };
  });
}

/** Runs steps that were written down, leaving out those that have no use any more. */
export function replay(world: World, steps: readonly Step[]): Promise<CaseResult> {
  let next = 0;
  return play(world, steps.length, () => steps[next++]);
}

const byName = new Map<string, Command>(COMMANDS.map((command) => [command.name, command]));

async function play(world: World, most: number, next: () => Step | undefined): Promise<CaseResult> {
  await world.timed('(a case begins)', () => world.beginCase());
  const steps: Step[] = [];
  let sinceJudged = 0;
  const look = (): Promise<CaseResult> =>
    world.timed('(judging)', async () => {
      sinceJudged = 0;
      await world.quiesce();
      const history = await world.history();
      return { steps, violations: judge(history), history };
    });
  while (steps.length < most) {
    const step = next();
    if (step === undefined) break;
    const done = await world.timed(step.command, async () => {
      if (!(await byName.get(step.command)!.run(world, new Random(step.seed)))) return false;
      await world.rest();
      return true;
    });
    if (!done) continue;
    steps.push(step);
    world.coverage.count(`command:${step.command}`);
    if (++sinceJudged < JUDGED_EVERY && !world.isStuck) continue;
    const result = await look();
    if (result.violations.length === 0) continue;
    // Whoever comes next finds it there.
    if (world.gateways.isAway) await world.gateways.setDatabase(false);
    return result;
  }
  if (world.gateways.isAway) await world.gateways.setDatabase(false);
  return look();
}
