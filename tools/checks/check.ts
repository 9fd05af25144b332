/** A property of the whole repository that neither the compiler nor the linter sees. Each lies in its own `*.check.ts` in this folder. */
export interface Check {
  /** A sentence that is true when the check passes. */
  readonly holds: string;
  /** What breaks it: one line each, with the place and what to do. Empty when it holds. */
  problems(root: string): Promise<readonly string[]>;
}
