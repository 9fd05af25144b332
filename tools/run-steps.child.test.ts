import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { runSteps } from './run-steps.ts';
import type { Steps } from './run-steps.ts';

const PASSES = ['-e', '0'];
const FAILS = ['-e', 'process.exit(3)'];
const DIES = ['-e', 'process.kill(process.pid, "SIGKILL")'];

async function run(steps: Steps): Promise<{ passed: boolean; said: string[] }> {
  const said: string[] = [];
  const passed = await runSteps(steps, tmpdir(), (line) => said.push(line.replace(/[\d.]+ s$/, 'T s')));
  return { passed, said };
}

test('steps that all pass are named with their times', async () => {
  const { passed, said } = await run({ format: PASSES, lint: PASSES });
  expect(passed).toBe(true);
  expect(said).toEqual(['\n== format', '== format: ok in T s', '\n== lint', '== lint: ok in T s', '\n2 of 2 steps ok']);
});

test('a step that fails or is killed fails the whole, after the others have run', async () => {
  const { passed, said } = await run({ format: FAILS, lint: DIES, types: PASSES });
  expect(passed).toBe(false);
  expect(said).toContain('== types: ok in T s');
  expect(said.at(-1)).toBe('\n1 of 3 steps ok; failed: format, lint');
});

test('a signal ends the running step and leaves out the rest', async () => {
  const running = run({ tests: ['-e', 'setInterval(() => {}, 1_000)'], docs: PASSES });
  process.emit('SIGTERM');
  const { passed, said } = await running;
  expect(passed).toBe(false);
  expect(said).toEqual(['\n== tests', '== tests: FAILED in T s', '\n0 of 2 steps ok; failed: tests']);
});
