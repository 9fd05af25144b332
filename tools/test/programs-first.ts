import { BaseSequencer } from 'vitest/node';
import type { TestSpecification } from 'vitest/node';

/**
 * Begins with the files that start programs or a database. They take nearly all of the time, and one that came last would run by itself while
 * the other worker has nothing left to do.
 */
export default class ProgramsFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return programsFirst(await super.sort(files));
  }
}

/** Otherwise in the order that they come in. */
export function programsFirst<T extends { readonly moduleId: string }>(files: readonly T[]): T[] {
  const startsSomething = ({ moduleId }: T): boolean => /\.(?:child|pg)\.test\.\w+$/.test(moduleId);
  return [...files.filter(startsSomething), ...files.filter((file) => !startsSomething(file))];
}
