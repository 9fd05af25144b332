import { writeSync } from 'node:fs';
import type { Reporter, SerializedError, TestModule } from 'vitest/node';
import { tallyOf, tallyText } from './tally.ts';

/** Prints the tally as the very last thing of a run, after other reporters and the global teardown, where scripts look for it. */
export default class TallyReporter implements Reporter {
  onTestRunEnd(files: readonly TestModule[], unhandledErrors: readonly SerializedError[]): void {
    const text = tallyText(tallyOf(files, unhandledErrors.length));
    process.once('exit', () => writeSync(1, `\n${text}`));
  }
}
