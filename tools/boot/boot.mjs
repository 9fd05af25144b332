import { fileURLToPath } from 'node:url';
import { Interrupted, Refusal } from './refusal.mjs';
import { runTask } from './run-task.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url)).replace(/[\\/]$/, '');

/**
 * Runs a task and ends this process the way the task ended: its exit code, or the signal that ended it.
 * @param {readonly string[]} argv
 */
export async function boot(argv) {
  try {
    const { code, signal } = await runTask(ROOT, argv);
    if (signal === null) process.exitCode = code ?? 1;
    else process.kill(process.pid, signal);
  } catch (error) {
    if (error instanceof Interrupted) {
      process.kill(process.pid, error.signal);
    } else if (error instanceof Refusal) {
      process.stderr.write(`\n${error.message}\n`);
      process.exitCode = 1;
    } else {
      throw error;
    }
  }
}
