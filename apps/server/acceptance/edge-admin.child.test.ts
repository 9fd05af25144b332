import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { rawExchange } from '@switchyard/testkit';
import { preparedHome } from '@switchyard/testkit/prepared-home';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startServer } from './harness.ts';
import { expectRefusal, rawAnswers } from './raw-answer.ts';

// Our own API on a listener of its own, with the metrics open to this machine: fault rows B17 and E03.

const opened = new AsyncDisposableStack();
let main: number;
let admin: number;
let token: string;

beforeAll(async () => {
  const home = opened.use(await preparedHome()).path;
  const server = opened.use(await startServer(home, { SWITCHYARD_HOST: '0.0.0.0', SWITCHYARD_ADMIN_LISTEN: '127.0.0.1:0', METRICS_ALLOW_LOOPBACK: 'true' }));
  const { address, adminAddress } = JSON.parse(readFileSync(join(home, 'run/server.json'), 'utf8')) as { address: string; adminAddress: string };
  main = Number(new URL(address).port);
  admin = Number(new URL(adminAddress).port);
  token = server.adminToken;
});
afterAll(() => opened.disposeAsync());

const get = (target: string, more = ''): string => `GET ${target} HTTP/1.1\r\nHost: 127.0.0.1\r\n${more}Connection: close\r\n\r\n`;

test('the metrics need no token from this machine, and everything else does', async () => {
  expect(rawAnswers((await rawExchange(admin, get('/metrics'))).received)).toMatchObject([{ status: 200 }]);
  expectRefusal((await rawExchange(admin, get('/api/accounts'))).received, 401, 'admin_token_required');
  expect(rawAnswers((await rawExchange(admin, get('/api/accounts', `Authorization: Bearer ${token}\r\n`))).received)).toMatchObject([{ status: 200 }]);
});

test('the documentation needs no token either, and describes our own API alone where it has an address of its own', async () => {
  const [page] = rawAnswers((await rawExchange(admin, get('/api/docs'))).received);
  expect(page).toMatchObject({ status: 200 });
  const { paths } = (await (await fetch(`http://127.0.0.1:${admin}/api/openapi.json`)).json()) as { paths: object };
  expect(Object.keys(paths).filter((path) => !path.startsWith('/api/'))).toEqual(['/metrics']);
  expect(paths).toHaveProperty('/api/accounts');
  for (const target of ['/api/docs', '/api/openapi.json']) expectRefusal((await rawExchange(main, get(target))).received, 404, 'route_not_found');
});

test.each([
  '/metrics/../api/accounts',
  '/api/docs/../accounts',
  '/api/docs/%2e%2e/accounts',
  '/metrics/%2e%2e/api/accounts',
  '/metrics/..%2fapi/accounts',
  '/metrics\\..\\api\\accounts',
  '/metrics//../api/accounts',
])('the way to our own API does not lead over what is open: %s', async (target) => {
  expectRefusal((await rawExchange(admin, get(target))).received, 400, 'bad_framing');
});

test.each(['/metricsx', '/metrics/x', '/METRICS'])('%s is not the metrics', async (target) => {
  expectRefusal((await rawExchange(admin, get(target))).received, 401, 'admin_token_required');
});

test('words about where a request comes from do not make it local, and our own API is not on the main listener', async () => {
  const told = 'X-Forwarded-For: 127.0.0.1\r\nX-Real-IP: 127.0.0.1\r\nX-Forwarded-Host: localhost\r\nForwarded: for=127.0.0.1\r\n';
  expectRefusal((await rawExchange(admin, get('/api/keys', told))).received, 401, 'admin_token_required');
  for (const target of ['/api/accounts', '/metrics']) {
    expectRefusal((await rawExchange(main, get(target, `Authorization: Bearer ${token}\r\n`))).received, 404, 'route_not_found');
  }
});
