import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { readyPort, startChild } from '../machine/child.ts';
import { CHAT_PATH } from './subject.ts';
import type { Subject } from './subject.ts';

const CLI = fileURLToPath(new URL('../../apps/cli/src/main.ts', import.meta.url));
/** Lets 9 000 streams be open at once, the share of one lane; by default the limit comes from the free file descriptors. */
const ACTIVE_REQUESTS = '12000';
const DATA_KEY = 'sk-test-switchyard-bench-key-not-a-secret';

/** Ours, started as anybody starts it: key check, choice, guards, bindings, metrics and decision log are all on. */
export const switchyard: Subject = {
  name: 'switchyard',
  role: 'ours',
  prepare: () => {
    if (!existsSync(CLI)) return Promise.reject(new Error(`${CLI} does not exist.`));
    return Promise.resolve({ version: `from source, Node ${process.versions.node}` });
  },
  start: async ({ upstreamPort, core, folder }) => {
    const home = join(folder, 'home');
    const env = { SWITCHYARD_HOME: home, SWITCHYARD_PORT: '0', SWITCHYARD_BOOTSTRAP_KEY: DATA_KEY, SWITCHYARD_LIMITS_ACTIVE_REQUESTS: ACTIVE_REQUESTS };
    const logFile = join(folder, 'switchyard.log');
    const isFirst = !existsSync(home);
    const startedAt = performance.now();
    const child = await startChild({ name: 'switchyard', command: process.execPath, args: [CLI, 'serve'], env, core, logFile });
    const port = await readyPort(child, logFile);
    const startMs = performance.now() - startedAt;
    if (isFirst) {
      const base = `http://127.0.0.1:${upstreamPort}/v1`;
      const args = [CLI, 'accounts', 'add', '--name', 'a1', '--kind', 'openai', '--base-url', base, '--key-env', 'UPSTREAM_KEY', '--models', 'bench'];
      await promisify(execFile)(process.execPath, args, { env: { ...process.env, ...env, UPSTREAM_KEY: 'sk-test-upstream-not-a-secret' } });
    }
    return {
      chat: { port, path: CHAT_PATH, headers: { authorization: `Bearer ${DATA_KEY}` } },
      pid: child.pid,
      startMs,
      end: () => child.end(30_000),
    };
  },
};
