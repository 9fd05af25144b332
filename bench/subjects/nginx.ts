import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, listening, startChild } from '../machine/child.ts';
import { programVersion } from '../machine/program-version.ts';
import { CHAT_PATH } from './subject.ts';
import type { Subject } from './subject.ts';

/** nginx as a reverse proxy: one worker, keep-alive both ways, no buffering, no log. */
export const nginx: Subject = {
  name: 'nginx',
  role: 'floor',
  prepare: async () => ({ version: await programVersion('nginx', ['-v']) }),
  start: async ({ upstreamPort, core, folder }) => {
    const port = await freePort();
    const home = join(folder, 'nginx');
    mkdirSync(home, { recursive: true });
    const configFile = join(home, 'nginx.conf');
    writeFileSync(configFile, config(port, upstreamPort, home));
    const logFile = join(folder, 'nginx.log');
    const startedAt = performance.now();
    const child = await startChild({ name: 'nginx', command: 'nginx', args: ['-p', home, '-e', join(home, 'error.log'), '-c', configFile], core, logFile });
    await listening(child, port, logFile);
    return {
      chat: { port, path: CHAT_PATH, headers: { authorization: 'Bearer sk-test-nginx-not-a-secret' } },
      pid: child.pid,
      startMs: performance.now() - startedAt,
      end: () => child.end(),
    };
  },
};

function config(port: number, upstreamPort: number, home: string): string {
  return `daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid ${home}/nginx.pid;
error_log ${home}/error.log error;
events { worker_connections 19900; multi_accept on; }
http {
  access_log off;
  tcp_nodelay on;
  keepalive_requests 1000000000;
  keepalive_timeout 3600s;
  client_max_body_size 64m;
  client_body_temp_path ${home}/body;
  proxy_temp_path ${home}/proxy;
  fastcgi_temp_path ${home}/fastcgi;
  uwsgi_temp_path ${home}/uwsgi;
  scgi_temp_path ${home}/scgi;
  upstream mock {
    server 127.0.0.1:${upstreamPort};
    keepalive 512;
    keepalive_requests 1000000000;
  }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / {
      proxy_pass http://mock;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
      proxy_request_buffering off;
      proxy_read_timeout 3600s;
    }
  }
}
`;
}
