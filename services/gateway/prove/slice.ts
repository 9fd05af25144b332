import type { Violation } from './history.ts';
import { CASE_STEPS, runCase } from './run-case.ts';
import { tellCase } from './tell-case.ts';
import type { World } from './world.ts';

/** Cases that one world is to walk one after the other. */
export interface Job {
  readonly slice: number;
  /** Of the first case; each further one has the next. */
  readonly seed: number;
  readonly steps: number;
}

/** What was walked in one go, as it is written down. */
export interface Slice {
  readonly slice: number;
  readonly seed: number;
  readonly cases: number;
  readonly steps: number;
  readonly ms: number;
  /** How often each thing happened. */
  readonly counts: Readonly<Record<string, number>>;
  /** Milliseconds by command. */
  readonly spent: Readonly<Record<string, number>>;
  readonly violations: readonly (Violation & { readonly seed: number })[];
  /** Of the case with violations, for people: some of these come about once in many thousand cases. */
  readonly seen: readonly string[];
}

/** Walks case after case until so many steps are done or something is wrong. */
export async function runSlice(world: World, { slice, seed, steps: most }: Job, isStopping: () => boolean): Promise<Slice> {
  world.coverage.clear();
  world.spent.clear();
  const beganMs = performance.now();
  const violations: Slice['violations'][number][] = [];
  let cases = 0;
  let steps = 0;
  let seen: readonly string[] = [];
  while (steps < most && violations.length === 0 && !isStopping()) {
    const own = seed + cases++;
    const result = await runCase(world, own, Math.min(CASE_STEPS, most - steps), isStopping);
    steps += result.steps.length;
    if (result.violations.length > 0) seen = tellCase(result);
    violations.push(...result.violations.map((violation) => ({ ...violation, seed: own })));
  }
  if (!isStopping()) await world.timed('(sweeping)', () => world.sweep());
  const spent = Object.fromEntries(Object.entries(world.spent.all()).map(([what, ms]) => [what, Math.round(ms)]));
  return { slice, seed, cases, steps, ms: Math.round(performance.now() - beganMs), counts: world.coverage.all(), spent, violations, seen };
}
