import type { CaseResult, Step } from './run-case.ts';

/**
 * The fewest steps that still show something wrong, by leaving out ever smaller runs of them. What depends on the machine may not show
 * again, so each try is made twice before a run of steps is taken to matter.
 */
export async function shrink(steps: readonly Step[], replay: (steps: readonly Step[]) => Promise<CaseResult>): Promise<readonly Step[]> {
  let kept = steps;
  for (let size = Math.ceil(kept.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < kept.length;) {
      const fewer = [...kept.slice(0, at), ...kept.slice(at + size)];
      if ((await replay(fewer)).violations.length > 0 || (await replay(fewer)).violations.length > 0) kept = fewer;
      else at += size;
    }
  }
  return kept;
}
