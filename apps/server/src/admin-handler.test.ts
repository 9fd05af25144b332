import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { OpenAPIHono } from '@hono/zod-openapi';
import { SwitchyardError } from '@switchyard/contracts';
import { createMetrics } from '@switchyard/observability';
import { recordingLogger } from '@switchyard/testkit';
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
  const log = recordingLogger();
  const server = createServer(
    adminHandler({ api, document: () => ({}), token: TOKEN, metrics: createMetrics({ process: false }), metricsOnLoopback: false, log }),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const ask = (path: string, token = TOKEN): Promise<Response> =>
    fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`, { headers: { authorization: `Bearer ${token}` } });
  return { ask, log };
}

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
