/** One thing wrong with the configuration: where it is, what it is, what to do. No part ever holds a value. */
export interface ConfigProblem {
  /** Dotted key, or the part of the file it is about. */
  readonly key: string;
  /** The environment variable, `file:line:column`, or the command line. */
  readonly place: string;
  /** What is wrong, and what to write instead. */
  readonly problem: string;
}

/** The configuration was refused; `problems` holds everything that is wrong with it, not only the first. */
export class ConfigError extends Error {
  readonly problems: readonly ConfigProblem[];
  constructor(problems: readonly ConfigProblem[]) {
    super(`the configuration was refused:\n${problems.map((each) => `  ${problemText(each)}`).join('\n')}`);
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

export function problemText({ key, place, problem }: ConfigProblem): string {
  return `${place}: ${key} ${problem}`;
}
