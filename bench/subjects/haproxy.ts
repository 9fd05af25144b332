import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, listening, startChild } from '../machine/child.ts';
import { programVersion } from '../machine/program-version.ts';
import { CHAT_PATH } from './subject.ts';
import type { Subject } from './subject.ts';

/** HAProxy in HTTP mode: one thread, keep-alive both ways, connections reused, no log. */
export const haproxy: Subject = {
  name: 'haproxy',
  role: 'floor',
  prepare: async () => ({ version: await programVersion('haproxy', ['-v']) }),
  start: async ({ upstreamPort, core, folder }) => {
    const port = await freePort();
    mkdirSync(folder, { recursive: true });
    const configFile = join(folder, 'haproxy.cfg');
    writeFileSync(configFile, config(port, upstreamPort));
    const logFile = join(folder, 'haproxy.log');
    const startedAt = performance.now();
    const child = await startChild({ name: 'haproxy', command: 'haproxy', args: ['-db', '-f', configFile], core, logFile });
    await listening(child, port, logFile);
    return {
      chat: { port, path: CHAT_PATH, headers: { authorization: 'Bearer sk-test-haproxy-not-a-secret' } },
      pid: child.pid,
      startMs: performance.now() - startedAt,
      end: () => child.end(),
    };
  },
};

function config(port: number, upstreamPort: number): string {
  return `global
  nbthread 1
  maxconn 9500
defaults
  mode http
  option http-keep-alive
  option http-no-delay
  http-reuse always
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  timeout http-keep-alive 1h
  maxconn 9500
frontend door
  bind 127.0.0.1:${port} backlog 4096
  default_backend mock
backend mock
  server mock 127.0.0.1:${upstreamPort} pool-max-conn -1
`;
}
