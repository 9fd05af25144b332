import { join } from 'node:path';

const CLI = 'apps/cli/src/main.ts';
const VITEST = 'node_modules/vitest/vitest.mjs';

/**
 * Every task of the boot: which packages it needs, and the program that it is. `quiet` tasks print nothing of the boot's own unless something
 * must be installed; `codex` says whether the real client has to be fetched first.
 * @type {Readonly<Record<string, { needs: 'runtime' | 'complete', program: readonly string[], quiet?: true,
 *   codex?: (args: readonly string[]) => boolean }>>}
 */
export const TASKS = {
  start: { needs: 'runtime', program: [CLI, 'serve'] },
  switchyard: { needs: 'runtime', program: [CLI], quiet: true },
  bench: { needs: 'runtime', program: ['bench/main.ts'] },
  test: { needs: 'complete', program: [VITEST, 'run'], codex: () => true },
  prove: { needs: 'complete', program: ['tools/prove.ts'] },
  ok: { needs: 'complete', program: ['tools/ok.ts'], codex: (steps) => steps.length === 0 || steps.includes('tests') },
  format: { needs: 'complete', program: ['node_modules/oxfmt/bin/oxfmt'], quiet: true },
};

/**
 * The arguments of Node for a task.
 * @param {string} root
 * @param {{ program: readonly string[] }} task
 * @param {readonly string[]} args  What stood behind the task's name.
 */
export function commandOf(root, { program: [file = '', ...fixed] }, args) {
  return [join(root, file), ...fixed, ...args];
}
