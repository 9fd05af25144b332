import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { OpenAPIHono } from '@hono/zod-openapi';
import { validator } from 'hono/validator';
import { SwitchyardError } from '@switchyard/contracts';
import { createMetrics } from '@switchyard/observability';
import { rawExchange, recordingLogger } from '@switchyard/testkit';
import { expect, onTestFinished, test } from 'vitest';
import { adminHandler } from './admin-handler.ts';

const TOKEN = 'test-admin-token-not-a-secret';

async function open() {
  const api = new OpenAPIHono();
  api.get('/fails', () => {
    throw new Error('a defect');
  });
  api.get('/refuses', () => {
    throw new SwitchyardError('not_found', 'There is none.');
  });
  api.get('/things', (c) => c.json([]));
  api.post(
    '/things',
    validator('json', (value: object) => value),
    (c) => c.json(c.req.valid('json')),
  );
  api.delete('/things/:id', (c) => c.body(null, 204));
  const log = recordingLogger();
  const server = createServer(
    adminHandler({ api, document: () => ({}), token: TOKEN, metrics: createMetrics({ process: false }), metricsOnLoopback: false, log }),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const ask = (path: string, token = TOKEN, { headers = {}, ...init }: Asked = {}): Promise<Response> =>
    fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`, { headers: { authorization: `Bearer ${token}`, ...headers }, ...init });
  return { ask, log, port: (server.address() as AddressInfo).port };
}

interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

test.each([
  ['PUT', '/things', 'GET, HEAD, POST'],
  ['GET', '/things/7', 'DELETE'],
  ['DELETE', '/metrics', 'GET, HEAD'],
  ['POST', '/api/openapi.json', 'GET, HEAD'],
])('%s of %s is refused with the methods that are taken there', async (method, path, allow) => {
  const { ask } = await open();
  const answer = await ask(path, TOKEN, { method });
  expect([answer.status, answer.headers.get('allow')]).toEqual([405, allow]);
  expect(await answer.json()).toMatchObject({ error: { code: 'method_not_allowed', message: `This path does not take ${method}; it takes ${allow}.` } });
  // Who may not ask is not told what there is.
  expect((await ask(path, 'test-wrong-token', { method })).status).toBe(401);
});

const JSON_TYPE = { 'content-type': 'application/json' };

test.each<[string, Asked, number, RegExp]>([
  ['an empty body', { headers: JSON_TYPE }, 400, /^The body is empty; send a JSON object\. /],
  ['half a body', { headers: JSON_TYPE, body: '{"a":' }, 400, /^The body is not valid JSON\. /],
  [
    'a form',
    { headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: '{}' },
    415,
    /`Content-Type: application\/x-www-form-urlencoded`.*send `Content-Type: application\/json`/,
  ],
])('%s is refused by what is wrong with it', async (_, init, status, message) => {
  const { ask } = await open();
  const answer = await ask('/things', TOKEN, { method: 'POST', ...init });
  expect(answer.status).toBe(status);
  expect(((await answer.json()) as { error: { message: string } }).error.message).toMatch(message);
});

test.each([
  ['/fails', TOKEN, 'internal_error'],
  ['/refuses', TOKEN, 'not_found'],
  ['/nowhere', TOKEN, 'route_not_found'],
  ['/refuses', 'test-wrong-token', 'admin_token_required'],
])('a refusal of %s has one id: in its header, its body and the log', async (path, token, code) => {
  const { ask, log } = await open();
  const answer = await ask(path, token);
  const { error } = (await answer.json()) as { error: { code: string; request_id: string } };
  expect(error.code).toBe(code);
  expect(error.request_id).toMatch(/^req_/);
  expect(answer.headers.get('x-request-id')).toBe(error.request_id);
  expect(log.records.map(({ fields }) => fields['request_id'])).toEqual([error.request_id]);
});

test.each([
  ['Content-Length: 1048577', '1048577 bytes long; our own API takes at most 1048576.'],
  ['Transfer-Encoding: chunked', 'send `Content-Length`'],
])('a body with %s is refused before it has come', async (head, words) => {
  const { port } = await open();
  const request = `POST /things HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Type: application/json\r\n${head}\r\nConnection: close\r\n\r\n`;
  const { received } = await rawExchange(port, request);
  expect(received.toString()).toMatch(/^HTTP\/1\.1 413 /);
  expect(received.toString()).toContain(words);
});
