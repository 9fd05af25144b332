import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Check } from './check.ts';

/** Programs that write files from tables in the code, and with `--check` only compare. */
const GENERATORS = ['packages/config/src/generate-docs.ts', 'tools/docs/generate.ts'];

export const check: Check = {
  holds: 'files made from tables in the code are as those tables say',
  async problems(root) {
    const present = GENERATORS.filter((program) => existsSync(join(root, program)));
    return (await Promise.all(present.map((program) => compare(root, program)))).flat();
  },
};

async function compare(root: string, program: string): Promise<string[]> {
  return await new Promise((resolve) => {
    execFile(process.execPath, [join(root, program), '--check'], { cwd: root }, (error, stdout, stderr) => {
      resolve(error === null ? [] : [`${program} --check: ${(stderr || stdout || error.message).trim()} (run \`node ${program}\` and commit what it writes)`]);
    });
  });
}
