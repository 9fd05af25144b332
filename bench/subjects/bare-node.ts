import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readyPort, startChild } from '../machine/child.ts';
import { CHAT_PATH, SOCKET_PATH } from './subject.ts';
import type { Subject } from './subject.ts';

/** The floor for a gateway in Node: `bench/floors/bare-node.ts`. */
export const bareNode: Subject = {
  name: 'bare-node',
  role: 'floor',
  prepare: () => Promise.resolve({ version: `Node ${process.versions.node}` }),
  start: async ({ upstreamPort, core, folder }) => {
    const logFile = join(folder, 'bare-node.log');
    const startedAt = performance.now();
    const child = await startChild({
      name: 'bare-node',
      command: process.execPath,
      args: [fileURLToPath(new URL('../floors/bare-node.ts', import.meta.url))],
      env: { UPSTREAM_ORIGIN: `http://127.0.0.1:${upstreamPort}` },
      core,
      logFile,
    });
    const port = await readyPort(child, logFile);
    const headers = { authorization: 'Bearer sk-test-bare-not-a-secret' };
    return {
      chat: { port, path: CHAT_PATH, headers },
      socket: { port, path: SOCKET_PATH, headers },
      pid: child.pid,
      startMs: performance.now() - startedAt,
      end: () => child.end(),
    };
  },
};
