import { fileURLToPath } from 'node:url';
import { runSteps } from './run-steps.ts';
import type { Steps } from './run-steps.ts';

/** Every check of the repository, quickest first. */
const STEPS: Steps = {
  format: ['node_modules/oxfmt/bin/oxfmt', '--check', '.'],
  lint: ['node_modules/oxlint/bin/oxlint', '--deny-warnings', '--report-unused-disable-directives'],
  types: ['node_modules/@typescript/native/bin/tsc', '-p', 'tsconfig.json'],
  'boot-types': ['node_modules/@typescript/native/bin/tsc', '-p', 'tools/tsconfig.json'],
  'dead-code': ['node_modules/knip/bin/knip.js', '--no-progress'],
  docs: ['tools/checks/main.ts'],
  tests: ['node_modules/vitest/vitest.mjs', 'run'],
};

// `npm run ok` runs all; `npm run ok -- lint types` only those. Ends with 1 when one failed.
const root = fileURLToPath(new URL('../', import.meta.url));
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !Object.hasOwn(STEPS, name));
if (unknown.length > 0) {
  process.stderr.write(`There is no step ${unknown.join(', ')}.\nUse any of: ${Object.keys(STEPS).join(', ')}.\n`);
  process.exitCode = 2;
} else {
  const steps = wanted.length === 0 ? STEPS : Object.fromEntries(Object.entries(STEPS).filter(([name]) => wanted.includes(name)));
  const passed = await runSteps(steps, root, (line) => process.stdout.write(`${line}\n`));
  process.exitCode = passed ? 0 : 1;
}
