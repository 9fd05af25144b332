import fc from 'fast-check';
import { expect, test } from 'vitest';

import { HIDDEN, isSecretName, scrub, scrubError, scrubText } from './scrub.ts';

// Visibly fake, each in the shape of the real thing.
const FAKE = 'not-a-secret-0123456789abcdefXYZ';

test.each([
  ['an API key', `key sk-test-${FAKE} refused`],
  ['a bearer scheme', `Authorization: Bearer ${FAKE}`],
  ['a bearer scheme in lower case', `got bearer ${FAKE}`],
  ['basic credentials', 'Basic bm90LWEtc2VjcmV0Om5vdA=='],
  ['a web token', 'eyJhbGciOiJIUzI1NiJ9.eyJub3QiOiJzZWNyZXQifQ.bm90YXNlY3JldA'],
  ['a web token that is cut off', 'bad token eyJhbGciOiJIUzI1NiJ9.eyJub3Q'],
  ['an admin token', `swadm-${FAKE}`],
  ['a URL with credentials', `postgresql://me:${FAKE}@db.internal/x`],
  ['a URL with a user only', `https://${FAKE}@host/`],
  ['a query parameter', `GET /v1/models?api_key=${FAKE}&x=1`],
  ['an OAuth code in a query', `/callback?code=${FAKE}&state=1`],
  ['a percent-encoded assignment', `next=%2Fx%3Ftoken%3D${FAKE}`],
  ['JSON', `{"refresh_token":"${FAKE}","id":1}`],
  ['JSON in JSON', JSON.stringify(JSON.stringify({ password: FAKE }))],
  ['a quoted value that is cut off', `{"client_secret": "${FAKE}`],
  ['an assignment', `OPENAI_API_KEY=${FAKE}`],
  ['an assignment in single quotes', `password='${FAKE}'`],
  ['a cookie', `Cookie: session=${FAKE}; theme=dark`],
  ['a private key', `-----BEGIN PRIVATE KEY-----\n${FAKE}\n-----END PRIVATE KEY-----`],
  ['a private key that is cut off', `-----BEGIN RSA PRIVATE KEY-----\n${FAKE}`],
  ['a GitHub token', `ghp_${FAKE.replaceAll('-', '')}`],
  ['a webhook secret', `whsec_${FAKE}`],
])('scrubText() hides %s', (_, text) => {
  const safe = scrubText(text);
  expect(safe).not.toContain(FAKE);
  expect(safe).not.toContain('bm90');
  expect(safe).not.toContain(FAKE.replaceAll('-', ''));
  expect(safe).toContain(HIDDEN);
});

test('scrubText() hides a hash and a long opaque run that nothing introduces', () => {
  expect(scrubText(`hash ${'0123456789abcdef'.repeat(4)} seen`)).toBe(`hash ${HIDDEN} seen`);
  expect(scrubText('got aB3aB3aB3aB3aB3aB3aB3aB3aB3aB3aB3 here')).toBe(`got ${HIDDEN} here`);
});

test.each([
  'req_01jd8q9x7vehkbv6y8zt3fmcqa answered in 12 ms',
  'commit 4388aab1c0ffee4388aab1c0ffee4388aab1c0ff',
  '/srv/switchyard/packages/observability/src/log-sink.ts:14:3',
  'listening on http://127.0.0.1:4700',
  'code: ECONNREFUSED, errno: -111',
  'the token expired because basic authentication was asked for',
  'max_tokens: 4096 is above 2048',
  'state: active, session closed by peer',
  'f47ac10b-58cc-4372-a567-0e02b2c3d479',
  'x-request-id 3c9f and model gpt-5.2-codex',
])('scrubText() leaves alone: %s', (text) => {
  expect(scrubText(text)).toBe(text);
});

test('scrubText() shows characters that break a line, drive a terminal or reorder text', () => {
  expect(scrubText('a\r\nb\u001b[31mc\u2028d\u009be\u202ef\u0000')).toBe('a\\r\\nb\\u001b[31mc\\u2028d\\u009be\\u202ef\\u0000');
});

test('scrubText() cuts what is long and says how long it was', () => {
  const safe = scrubText('word '.repeat(10_000));
  expect(safe.length).toBeLessThan(4_200);
  expect(safe).toMatch(/… \(50000 characters\)$/);
});

test('scrubText() ends in time on text made to make patterns backtrack', () => {
  const hostile = ['token', 'authorization ', 'a://', 'key="', "password='", 'bearer ', 'bearer  ', '-----BEGIN ', 'eyJ-', '\\"', 'token\\', 'a.'].map((part) =>
    part.repeat(Math.ceil(100_000 / part.length)),
  );
  const started = performance.now();
  for (const text of hostile) expect(scrubText(text).length).toBeLessThan(5_000);
  expect(performance.now() - started).toBeLessThan(2_000); // 25 ms when measured; quadratic time would be minutes
});

test('scrubText() gives one line of well-formed text for any text, and a key stays hidden whatever stands around it', () => {
  const part = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.constantFrom(
      'token=',
      'bearer ',
      '?code=',
      '"api_key": "',
      '"',
      "'",
      'sk-',
      'eyJ',
      '://',
      '@',
      '%3D',
      '\\',
      FAKE,
      HIDDEN,
      ' ',
      'ab12CD'.repeat(6),
      '\n',
    ),
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
      const safe = scrubText(parts.join(` sk-test-${FAKE} `));
      expect(safe).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
      expect(safe.isWellFormed()).toBe(true);
      expect(safe).not.toContain(`sk-test-${FAKE}`);
    }),
  );
});

test('scrub() hides by key name at any depth, in any container', () => {
  const value = {
    a: { b: [{ 'X-Api-Key': FAKE }, new Map([['cookie', FAKE]]), new Headers({ authorization: FAKE })] },
    list: ['content-type', 'text/plain', 'Authorization', FAKE],
    query: new URLSearchParams({ access_token: FAKE }),
    set: new Set([`Bearer ${FAKE}`]),
    nested: { session: { id: FAKE } },
    bytes: Buffer.from(FAKE),
    url: new URL(`https://user:${FAKE}@host/`),
    password: 12_345_678,
  };
  const safe = JSON.stringify(scrub(value));
  expect(safe).not.toContain(FAKE);
  expect(safe).not.toContain('12345678');
  expect(safe).toContain('text/plain');
});

test('scrub() keeps counts of tokens, dates, numbers and nulls', () => {
  const value = { total_tokens: 12, when: new Date(0), n: 1.5, big: 10n, none: null, token: null };
  expect(scrub(value)).toEqual({ total_tokens: 12, when: '1970-01-01T00:00:00.000Z', n: 1.5, big: '10', none: null, token: null });
});

test('scrub() survives cycles, depth, width, hostile getters and __proto__', () => {
  const cycle: Record<string, unknown> = { name: 'loop' };
  cycle['self'] = cycle;
  expect(scrub(cycle)).toEqual({ name: 'loop', self: '[circular]' });
  let deep: unknown = 'end';
  for (let n = 0; n < 1_000; n++) deep = [deep];
  expect(JSON.stringify(scrub(deep))).toContain('[deeper]');
  expect(Object.keys(scrub(Object.fromEntries(Array.from({ length: 5_000 }, (_, n) => [`k${n}`, n]))) as object)).toHaveLength(100);
  const trap = Object.defineProperty({}, 'x', {
    enumerable: true,
    get: () => {
      throw new Error('no');
    },
  });
  expect(scrub(trap)).toBe('[unreadable]');
  const parsed: unknown = JSON.parse('{"__proto__":{"polluted":true}}');
  expect(JSON.stringify(scrub(parsed))).toBe('{"__proto__":{"polluted":true}}');
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
});

test('scrubError() tells name, message, code and causes, and nothing else that hangs on an error', () => {
  const inner = Object.assign(new TypeError(`refused sk-test-${FAKE}`), { code: 'ECONNREFUSED', request: { headers: { authorization: FAKE } } });
  const safe = JSON.stringify(scrubError(new Error('while listing models', { cause: new AggregateError([inner], 'all failed') })));
  expect(safe).not.toContain(FAKE);
  for (const part of ['while listing models', 'all failed', 'TypeError', 'ECONNREFUSED', '"at ']) expect(safe).toContain(part);
  expect(scrubError('just text')).toBe('just text');
});

test.each([
  'Authorization',
  'proxy-authorization',
  'x-api-key',
  'set-cookie',
  'refresh_token',
  'apiKey',
  'client_secret',
  'DB_PASSWORD',
  'encryption_key',
  'otp',
])('isSecretName() knows %s', (name) => {
  expect(isSecretName(name)).toBe(true);
});

test.each(['author', 'key_id', 'model', 'session_id', 'footprint', 'path', 'keyboard'])('isSecretName() leaves %s', (name) => {
  expect(isSecretName(name)).toBe(false);
});
