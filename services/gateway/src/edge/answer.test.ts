import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SwitchyardError } from '@switchyard/contracts';
import { rawExchange } from '@switchyard/testkit';
import { afterEach, expect, test } from 'vitest';
import { closeBeforeLongRest, sendJson, sendRefusal } from './answer.ts';

const opened: AsyncDisposable[] = [];
afterEach(async () => {
  for (const server of opened.splice(0)) await server[Symbol.asyncDispose]();
});

/** Serves every request with one function. @returns its port */
async function serving(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<number> {
  const server = createServer(answer);
  server.on('checkContinue', answer);
  opened.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

const post = (headers: string, body = ''): string => `POST / HTTP/1.1\r\nHost: a\r\n${headers}\r\n${body}`;
const LAST = 'GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';

async function statuses(port: number, bytes: string): Promise<string[]> {
  const { received } = await rawExchange(port, bytes);
  return [...received.toString().matchAll(/HTTP\/1\.1 (\d+)/g)].map((match) => match[1]!);
}

const refusing = (code: 'invalid_api_key' | 'bad_framing') => serving((_, response) => sendRefusal(response, new SwitchyardError(code, 'No.'), 'req_1'));

test.each<[string, string]>([
  ['without a body', post('')],
  ['with a small one', post('Content-Length: 5\r\n', 'hello')],
  ['with the largest that is dropped', post('Content-Length: 65536\r\n', 'a'.repeat(65_536))],
])('a refusal of a request %s leaves the connection open', async (_, bytes) => {
  expect(await statuses(await refusing('invalid_api_key'), bytes + LAST)).toEqual(['401', '401']);
});

test.each<[string, string]>([
  ['with a larger one', post('Content-Length: 65537\r\n', 'a'.repeat(65_537))],
  ['with one of unknown length', post('Transfer-Encoding: chunked\r\n', '0\r\n\r\n')],
  ['that may or may not send one', post('Content-Length: 5\r\nExpect: 100-continue\r\n')],
])('a refusal of a request %s ends the connection', async (_, bytes) => {
  expect(await statuses(await refusing('invalid_api_key'), bytes + LAST)).toEqual(['401']);
});

test('framing in doubt ends the connection in any case', async () => {
  expect(await statuses(await refusing('bad_framing'), post('') + LAST)).toEqual(['400']);
});

test('an answer of ours ends it only before a body that is not worth reading', async () => {
  const port = await serving((_, response) => {
    closeBeforeLongRest(response);
    sendJson(response, 200, {});
  });
  expect(await statuses(port, post('Content-Length: 5\r\n', 'hello') + LAST)).toEqual(['200', '200']);
  expect(await statuses(port, post('Transfer-Encoding: chunked\r\n', '0\r\n\r\n') + LAST)).toEqual(['200']);
});

test('a refusal has both ids, is kept by no cache, and says when to come back if it does', async () => {
  const port = await serving((_, response) => sendRefusal(response, new SwitchyardError('server_is_overloaded', 'Full.', { retryAfterMs: 1_500 }), 'req_1'));
  const { received } = await rawExchange(port, LAST);
  const text = received.toString();
  for (const line of ['x-request-id: req_1', 'x-switchyard-request-id: req_1', 'cache-control: no-store', 'x-content-type-options: nosniff', 'retry-after: 2'])
    expect(text).toContain(`${line}\r\n`);
  expect(text.slice(text.indexOf('\r\n\r\n') + 4)).toBe(
    '{"error":{"message":"Full.","type":"service_unavailable_error","param":null,"code":"server_is_overloaded","retryable":true,"request_id":"req_1"}}',
  );
});
