import { existsSync } from 'node:fs';
import { defineConfig } from 'vitest/config';
import ProgramsFirst from './tools/test/programs-first.ts';

const globalSetup = 'packages/testkit/src/global-setup.ts';

/** One run for everything: unit, database, child-program and acceptance tests, two files at a time. */
export default defineConfig({
  test: {
    include: ['{packages,services,apps,tools,bench}/**/*.test.{ts,mjs}'],
    exclude: ['**/node_modules/**', 'bench/.work/**'],
    ...(existsSync(new URL(globalSetup, import.meta.url)) ? { globalSetup: [`./${globalSetup}`] } : {}),
    pool: 'forks',
    maxWorkers: 2,
    sequence: { sequencer: ProgramsFirst },
    testTimeout: 30_000,
    hookTimeout: 60_000,
    teardownTimeout: 20_000,
    reporters: ['default', './tools/test/tally-reporter.ts'],
  },
});
