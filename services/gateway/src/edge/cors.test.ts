import type { IncomingMessage, ServerResponse } from 'node:http';
import { expect, test } from 'vitest';
import { corsPolicy } from './cors.ts';

/** What a request from an origin gets: its headers, and the status if it was answered. */
function answer(settings: Parameters<typeof corsPolicy>[0], origin: string, method = 'POST') {
  const headers: Record<string, string> = {};
  let status: number | null = null;
  const response = {
    setHeader: (name: string, value: string) => (headers[name] = value),
    writeHead: (code: number) => (status = code),
    end: () => {},
  } as unknown as ServerResponse;
  const done = corsPolicy(settings)(origin, { method, headers: { 'access-control-request-headers': 'authorization' } } as unknown as IncomingMessage, response);
  return { headers, status, done };
}

const STRICT = { permissive: false, origins: ['https://console.example'] };

test.each(['http://localhost', 'http://localhost:3000', 'https://127.0.0.1:8443', 'http://[::1]:5173', 'https://console.example'])(
  '%s may read answers',
  (origin) => {
    expect(answer(STRICT, origin)).toMatchObject({ done: false, headers: { 'access-control-allow-origin': origin, vary: 'origin' } });
  },
);

test.each([
  'https://evil.example',
  'null',
  'http://localhost.evil.example',
  'http://localhost:99999999',
  'https://console.example.evil',
  'file://localhost',
  'http://127.0.0.1.evil',
  'http://user@localhost',
])('%s may not, but gets its answer', (origin) => {
  const { headers, done } = answer(STRICT, origin);
  expect(done).toBe(false);
  expect(headers).toEqual({ vary: 'origin' });
});

test('a preflight is answered at once, with permission only for those who have it', () => {
  expect(answer(STRICT, 'http://localhost:3000', 'OPTIONS')).toMatchObject({
    done: true,
    status: 204,
    headers: { 'access-control-allow-headers': 'authorization' },
  });
  expect(answer(STRICT, 'https://evil.example', 'OPTIONS')).toEqual({ done: true, status: 204, headers: { vary: 'origin' } });
});

test('permissive means everybody, and never with credentials', () => {
  const { headers } = answer({ permissive: true, origins: [] }, 'https://evil.example');
  expect(headers['access-control-allow-origin']).toBe('*');
  expect(headers).not.toHaveProperty('access-control-allow-credentials');
});
