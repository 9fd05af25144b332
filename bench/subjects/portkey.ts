import { execFile } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freePort, listening, startChild } from '../machine/child.ts';
import { CHAT_PATH } from './subject.ts';
import type { Subject } from './subject.ts';

const SOURCE = fileURLToPath(new URL('../portkey/', import.meta.url));
const INSTALLED = fileURLToPath(new URL('../.work/portkey/', import.meta.url));
const LOCK = 'package-lock.json';

/** Portkey's open-source gateway, the peer that appears on every public board, with the dependencies its streams need. */
export const portkey: Subject = {
  name: 'portkey',
  role: 'peer',
  prepare: async () => {
    await install();
    const version = (name: string): string =>
      (JSON.parse(readFileSync(join(INSTALLED, 'node_modules', name, 'package.json'), 'utf8')) as { version: string }).version;
    const parts = ['hono', '@hono/node-server', '@hono/node-ws'].map((name) => `${name} ${version(name)}`);
    return { version: `${version('@portkey-ai/gateway')} (${parts.join(', ')})` };
  },
  start: async ({ upstreamPort, core, folder }) => {
    const port = await freePort();
    const logFile = join(folder, 'portkey.log');
    const startedAt = performance.now();
    const child = await startChild({
      name: 'portkey',
      command: process.execPath,
      args: ['node_modules/@portkey-ai/gateway/build/start-server.js', '--headless', `--port=${port}`],
      cwd: INSTALLED,
      env: { NODE_ENV: 'production' },
      core,
      logFile,
    });
    await listening(child, port, logFile);
    return {
      chat: {
        port,
        path: CHAT_PATH,
        headers: {
          authorization: 'Bearer sk-test-portkey-not-a-secret',
          'x-portkey-provider': 'openai',
          'x-portkey-custom-host': `http://127.0.0.1:${upstreamPort}/v1`,
        },
      },
      pid: child.pid,
      startMs: performance.now() - startedAt,
      end: () => child.end(),
    };
  },
};

/** Installs what the lockfile says into a folder of its own, unless that was done before. */
async function install(): Promise<void> {
  const installedLock = join(INSTALLED, LOCK);
  const same =
    existsSync(join(INSTALLED, 'node_modules/@portkey-ai/gateway')) &&
    existsSync(installedLock) &&
    readFileSync(installedLock).equals(readFileSync(join(SOURCE, LOCK)));
  if (same) return;
  mkdirSync(INSTALLED, { recursive: true });
  for (const file of ['package.json', LOCK, '.npmrc']) copyFileSync(join(SOURCE, file), join(INSTALLED, file));
  try {
    await promisify(execFile)('npm', ['ci', '--ignore-scripts'], { cwd: INSTALLED });
  } catch (error) {
    throw new Error(`Portkey could not be installed into ${INSTALLED}: ${(error as Error).message}`, { cause: error });
  }
}
