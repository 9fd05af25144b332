import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { OpenAPIHono } from '@hono/zod-openapi';
import { createMetrics } from '@switchyard/observability';
import { openApiDocument } from '@switchyard/service-gateway';
import { recordingLogger } from '@switchyard/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { adminHandler } from './admin-handler.ts';
import { VERSION } from './version.ts';

// Everything here is asked without a token.
const server = createServer(
  adminHandler({
    api: new OpenAPIHono(),
    document: () => openApiDocument({ version: VERSION, dataPlane: true }),
    token: 'test-admin-token-not-a-secret',
    metrics: createMetrics({ process: false }),
    metricsOnLoopback: false,
    log: recordingLogger(),
  }),
);
beforeAll(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)));
afterAll(() => {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(resolve));
});
const ask = (path: string, init: RequestInit = {}): Promise<Response> =>
  fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`, { redirect: 'manual', ...init });
const pathsOf = (html: string): string[] => [...html.matchAll(/(?:src|href)="(docs\/[^"]+)"/g)].map(([, path]) => `/api/${path}`);

test('the served document is docs/openapi.json, word for word', async () => {
  const answer = await ask('/api/openapi.json');
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/json']);
  expect(await answer.json()).toEqual(JSON.parse(await readFile(new URL('../../../docs/openapi.json', import.meta.url), 'utf8')));
});

test('the page has no script and no style of its own inside, and may be shown in no frame', async () => {
  const answer = await ask('/api/docs');
  const policy = answer.headers.get('content-security-policy')!;
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
  expect(policy).not.toContain('unsafe');
  for (const rule of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"])
    expect(policy.split('; ')).toContain(rule);
  expect(Object.fromEntries(answer.headers)).toMatchObject({ 'x-frame-options': 'DENY', 'x-content-type-options': 'nosniff', 'cache-control': 'no-cache' });
  const html = await answer.text();
  expect(html).not.toMatch(/<style|\sstyle=|<script>|\son\w+=|https?:/);
});

test('the files of the page may be kept for good, for another content has another address', async () => {
  const paths = pathsOf(await (await ask('/api/docs')).text());
  expect(paths).toHaveLength(5);
  for (const path of paths) {
    const answer = await ask(path);
    expect([path, answer.status, answer.headers.get('cache-control')]).toEqual([path, 200, 'public, max-age=31536000, immutable']);
    expect((await answer.arrayBuffer()).byteLength).toBeGreaterThan(200);
  }
  const stale = await ask(paths[0]!.replace(/[0-9a-f]{16}/, '0123456789abcdef'));
  expect(stale.status).toBe(404);
});

test('only what the page needs lies there', async () => {
  const folder = pathsOf(await (await ask('/api/docs')).text())[0]!.replace(/[^/]+$/, '');
  for (const name of ['swagger-ui.js', 'package.json', 'page.html', 'constructor', '']) expect([name, (await ask(folder + name)).status]).toEqual([name, 404]);
});

test('a slash too many leads to the page', async () => {
  const answer = await ask('/api/docs/');
  expect([answer.status, answer.headers.get('location')]).toEqual([308, '/api/docs']);
});

test.each([
  ['POST', '/api/docs'],
  ['DELETE', '/api/openapi.json'],
  ['GET', '/api/docsx'],
  ['GET', '/api/openapi.json/x'],
  ['GET', '/api'],
  ['GET', '/api/DOCS'],
  ['OPTIONS', '/api/docs'],
])('%s %s is no documentation and needs the token', async (method, path) => {
  const answer = await ask(path, { method });
  expect(answer.status).toBe(401);
  expect(answer.headers.get('x-frame-options')).toBe('DENY');
});

test('pages of other origins cannot read it, as little as any other answer of our own API', async () => {
  for (const path of ['/api/docs', '/api/openapi.json']) {
    const answer = await ask(path, { headers: { origin: 'http://localhost:3000' } });
    expect(answer.headers.get('access-control-allow-origin')).toBe(null);
  }
});
