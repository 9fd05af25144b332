import { spawn } from 'node:child_process';
import { forwardSignals } from './forward-signals.mjs';

/**
 * Runs the task's program on our own terminal and streams, and passes signals to it.
 * @param {string} node
 * @param {readonly string[]} args
 * @param {{ cwd: string, env: NodeJS.ProcessEnv, onSpawn: (pid: number) => void }} options
 * @returns {Promise<{ code: number | null, signal: NodeJS.Signals | null }>} how it ended
 */
export async function runProgram(node, args, { cwd, env, onSpawn }) {
  const child = spawn(node, args, { cwd, env, stdio: 'inherit' });
  const stopForwarding = forwardSignals(child);
  try {
    return await new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code, signal) => resolve({ code, signal }));
      if (child.pid !== undefined) onSpawn(child.pid);
    });
  } finally {
    stopForwarding();
  }
}
