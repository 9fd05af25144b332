import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../', import.meta.url));

/** Every check of the repository, quickest first; each is a Node program with its arguments, run in the root. */
const STEPS: Readonly<Record<string, readonly string[]>> = {
  format: ['node_modules/oxfmt/bin/oxfmt', '--check', '.'],
  lint: ['node_modules/oxlint/bin/oxlint', '--deny-warnings', '--report-unused-disable-directives'],
  types: ['node_modules/@typescript/native/bin/tsc', '-p', 'tsconfig.json'],
  'boot-types': ['node_modules/@typescript/native/bin/tsc', '-p', 'tools/tsconfig.json'],
  'dead-code': ['node_modules/knip/bin/knip.js', '--no-progress'],
  docs: ['tools/checks/main.ts'],
  tests: ['node_modules/vitest/vitest.mjs', 'run'],
};

// `npm run ok` runs all; `npm run ok -- lint types` only those. All run even when one fails; ends with 1 when one did.
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !Object.hasOwn(STEPS, name));
if (unknown.length > 0) {
  process.stderr.write(`There is no step ${unknown.join(', ')}.\nUse any of: ${Object.keys(STEPS).join(', ')}.\n`);
  process.exit(2);
}

const results: { name: string; passed: boolean }[] = [];
for (const [name, args] of Object.entries(STEPS)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const began = performance.now();
  process.stdout.write(`\n== ${name}\n`);
  const passed = await succeeds(args);
  process.stdout.write(`== ${name}: ${passed ? 'ok' : 'FAILED'} in ${((performance.now() - began) / 1_000).toFixed(1)} s\n`);
  results.push({ name, passed });
}

const failed = results.filter(({ passed }) => !passed).map(({ name }) => name);
process.stdout.write(`\n${results.length - failed.length} of ${results.length} steps ok${failed.length === 0 ? '' : `; failed: ${failed.join(', ')}`}\n`);
process.exitCode = failed.length === 0 ? 0 : 1;

/** A signal that reaches us ends the step, and so the whole: no step is left running behind. */
async function succeeds(args: readonly string[]): Promise<boolean> {
  const child = spawn(process.execPath, args, { cwd: root, stdio: 'inherit' });
  const end = (signal: NodeJS.Signals): void => {
    child.kill(signal);
    process.exitCode = 1;
  };
  process.once('SIGTERM', end).once('SIGINT', end);
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.once('error', reject).once('exit', (...ending) => resolve(ending));
  });
  process.off('SIGTERM', end).off('SIGINT', end);
  if (signal !== null) process.exit(1);
  return code === 0;
}
