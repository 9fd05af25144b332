import { spawn } from 'node:child_process';

/** A check: its name, and the Node program with its arguments. */
export type Steps = Readonly<Record<string, readonly string[]>>;

/**
 * Runs steps one after the other, each on our own streams, and goes on when one fails, so that one run shows everything.
 * A signal ends the running step and leaves out the rest: no step is left running behind.
 * @param root  The folder that the steps run in.
 * @param say   Takes what is ours: a heading before each step, its result with its time after, the sum at the end.
 * @returns whether all passed
 */
export async function runSteps(steps: Steps, root: string, say: (line: string) => void): Promise<boolean> {
  const passed: string[] = [];
  const failed: string[] = [];
  for (const [name, args] of Object.entries(steps)) {
    const began = performance.now();
    say(`\n== ${name}`);
    const ending = await runStep(args, root);
    const ok = ending.code === 0;
    say(`== ${name}: ${ok ? 'ok' : 'FAILED'} in ${((performance.now() - began) / 1_000).toFixed(1)} s`);
    (ok ? passed : failed).push(name);
    if (ending.interrupted) break;
  }
  const total = Object.keys(steps).length;
  say(`\n${passed.length} of ${total} steps ok${failed.length === 0 ? '' : `; failed: ${failed.join(', ')}`}`);
  return passed.length === total;
}

async function runStep(args: readonly string[], root: string): Promise<{ code: number | null; interrupted: boolean }> {
  const child = spawn(process.execPath, args, { cwd: root, stdio: 'inherit' });
  let interrupted = false;
  const end = (signal: NodeJS.Signals): void => {
    interrupted = true;
    child.kill(signal);
  };
  process.once('SIGTERM', end).once('SIGINT', end);
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject).once('exit', resolve);
    });
    return { code, interrupted };
  } finally {
    process.off('SIGTERM', end).off('SIGINT', end);
  }
}
