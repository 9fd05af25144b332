import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { readyPort, startChild } from '../machine/child.ts';
import { CHAT_PATH, SOCKET_PATH } from './subject.ts';
import type { Place, RunningSubject, Subject } from './subject.ts';

const SEED = fileURLToPath(new URL('../../apps/server/bench/seed.ts', import.meta.url));
const CLI = fileURLToPath(new URL('../../apps/cli/src/main.ts', import.meta.url));
/** Lets 9 000 streams be open at once, the share of one lane; by default the limit comes from the free file descriptors. */
const ACTIVE_REQUESTS = 12_000;
/** As much as the grown one holds; the table takes memory only for what is in it. */
const MAX_RESPONSES = '1000000';
const DATA_KEY = 'sk-test-switchyard-bench-key-not-a-secret';

/** How much a server holds before it is measured. */
interface Size {
  readonly accounts: number;
  readonly bindings: number;
}

/** Ours, started as anybody starts it: key check, choice, guards, bindings, metrics and decision log are all on. */
export const switchyard: Subject = ours('switchyard');
/** Ours with a little of everything, to be compared with what follows. */
export const switchyardSmall: Subject = ours('switchyard-small', { accounts: 10, bindings: 1_000 });
/** Ours after long use. */
export const switchyardGrown: Subject = ours('switchyard-grown', { accounts: 10_000, bindings: 1_000_000 });

/** Ours with room for so many requests at once. */
export function switchyardNarrow(activeRequests: number): Subject {
  return ours('switchyard-narrow', undefined, activeRequests);
}

function ours(name: string, size?: Size, activeRequests = ACTIVE_REQUESTS): Subject {
  return {
    name,
    role: 'ours',
    prepare: () => {
      if (!existsSync(CLI)) return Promise.reject(new Error(`${CLI} does not exist.`));
      return Promise.resolve({ version: `from source, Node ${process.versions.node}` });
    },
    start: async (place) => {
      const isFirst = !existsSync(homeOf(place));
      const env = environment(place, activeRequests);
      const running = await serve(name, place, env);
      if (!isFirst) return running;
      const base = `http://127.0.0.1:${place.upstreamPort}/v1`;
      const words = [
        CLI,
        'accounts',
        'add',
        '--name',
        'a1',
        '--kind',
        'openai',
        '--base-url',
        base,
        '--key-env',
        'UPSTREAM_KEY',
        '--models',
        'bench',
        '--websocket',
      ];
      await run(process.execPath, words, { env: { ...env, UPSTREAM_KEY: 'sk-test-upstream-not-a-secret' } });
      if (size === undefined) return running;
      await running.end();
      await run(process.execPath, [SEED, String(size.accounts), String(size.bindings)], { env });
      return serve(name, place, env);
    },
  };
}

const run = promisify(execFile);
const homeOf = ({ folder }: Place): string => join(folder, 'home');

function environment(place: Place, activeRequests: number): NodeJS.ProcessEnv {
  return {
    ...process.env,
    NODE_COMPILE_CACHE: join(place.folder, 'compiled'), // as `npm start` keeps what it has compiled, whatever this program was started by
    SWITCHYARD_HOME: homeOf(place),
    SWITCHYARD_PORT: '0',
    SWITCHYARD_BOOTSTRAP_KEY: DATA_KEY,
    SWITCHYARD_LIMITS_ACTIVE_REQUESTS: String(activeRequests),
    SWITCHYARD_AFFINITY_MAX_RESPONSES: MAX_RESPONSES,
    METRICS_ALLOW_LOOPBACK: 'true', // the lag of the loop is read there
  };
}

async function serve(name: string, place: Place, env: NodeJS.ProcessEnv): Promise<RunningSubject> {
  const logFile = join(place.folder, 'switchyard.log');
  const startedAt = performance.now();
  const child = await startChild({ name, command: process.execPath, args: [CLI, 'serve'], env, core: place.core, logFile });
  const port = await readyPort(child, logFile);
  const headers = { authorization: `Bearer ${DATA_KEY}` };
  return {
    chat: { port, path: CHAT_PATH, headers },
    socket: { port, path: SOCKET_PATH, headers },
    pid: child.pid,
    startMs: performance.now() - startedAt,
    end: () => child.end(30_000),
  };
}
