import type { IncomingMessage } from 'node:http';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bearerToken, readHead, refuseCredentialInQuery } from './read-head.ts';

const request = (rawHeaders: string[], { url = '/v1/models', major = 1, minor = 1 } = {}): IncomingMessage =>
  ({ rawHeaders, url, httpVersionMajor: major, httpVersionMinor: minor }) as unknown as IncomingMessage;

const codeOf = (act: () => unknown): unknown => {
  try {
    act();
    return null;
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
};

test('what the head says is read once, whatever the case of its names', () => {
  const head = readHead(
    request([
      'HOST',
      'a',
      'authorization',
      'Bearer k',
      'CONTENT-type',
      'application/json',
      'Content-Length',
      '12',
      'Origin',
      'http://localhost',
      'X-Request-Id',
      'mine',
    ]),
  );
  expect(head).toEqual({
    authorization: 'Bearer k',
    contentType: 'application/json',
    contentLength: 12,
    isChunked: false,
    isZstd: false,
    expectsContinue: false,
    origin: 'http://localhost',
    forwardedFor: null,
    forward: ['CONTENT-type', 'application/json'],
    clientRequestId: 'mine',
    turnState: null,
    session: null,
  });
});

test('a conversation is named by the header that says most, and goes on as it came when the upstream knows the header', () => {
  const read = (...headers: string[]) => readHead(request(['Host', 'a', ...headers]));
  expect(read('X-Session-Id', 's', 'session-id', 'session', 'Thread-Id', 'thread')).toMatchObject({
    session: 'thread',
    forward: ['session-id', 'session', 'Thread-Id', 'thread'],
  });
  for (const name of ['thread-id', 'session-id', 'x-session-id', 'x-client-session-id', 'x-conversation-id', 'x-thread-id'])
    expect(read(name, 'one', name, '').session).toBe('one');
  expect(read('x-codex-turn-state', '', 'X-Codex-Turn-State', 'first', 'x-codex-turn-state', 'second').turnState).toBe('first');
  expect(read('x-codex-turn-state', '', 'thread-id', '')).toMatchObject({ turnState: null, session: null });
});

test('only listed headers go on: never a credential, a hop-by-hop header or one of ours', () => {
  const passed = ['Accept', 'User-Agent', 'originator', 'version', 'session-id', 'thread-id', 'OpenAI-Beta', 'anthropic-version', 'x-codex-turn-state', 'X-OpenAI-x', 'x-stainless-lang', 'x-client-request-id']; // prettier-ignore
  const dropped = ['Cookie', 'Proxy-Authorization', 'X-Forwarded-For', 'X-Real-IP', 'X-Forwarded-Host', 'x-switchyard-account', 'Connection', 'TE', 'Trailer', 'Upgrade', 'Accept-Encoding', '__proto__', 'constructor', 'api-key']; // prettier-ignore
  const head = readHead(request(['Host', 'a', 'X-Api-Key', 'k', ...[...passed, ...dropped].flatMap((name) => [name, 'v'])]));
  expect(head.forward).toEqual(passed.flatMap((name) => [name, 'v']));
  expect(head.authorization).toBe('Bearer k');
});

test.each<[string, string[], Parameters<typeof request>[1]]>([
  ['no host on HTTP/1.1', [], {}],
  ['two hosts', ['Host', 'a', 'host', 'a'], {}],
  ['a malformed host', ['Host', 'a b'], {}],
  ['an absolute target', ['Host', 'a'], { url: 'http://a/v1/models' }],
  ['an asterisk target', ['Host', 'a'], { url: '*' }],
  ['another major version', ['Host', 'a'], { major: 2, minor: 0 }],
  ['chunked on HTTP/1.0', ['Transfer-Encoding', 'chunked'], { minor: 0 }],
  ['another transfer coding', ['Host', 'a', 'Transfer-Encoding', 'gzip, chunked'], {}],
  ['chunked twice', ['Host', 'a', 'Transfer-Encoding', 'chunked', 'Transfer-Encoding', 'chunked'], {}],
  ['a length of 16 digits', ['Host', 'a', 'Content-Length', '0000000000000001'], {}],
  ['two content types', ['Host', 'a', 'Content-Type', 'a/b', 'content-type', 'a/b'], {}],
])('%s is bad framing', (_, headers, options) => {
  expect(codeOf(() => readHead(request(headers, options)))).toBe('bad_framing');
});

test.each([
  ['Authorization', 'Authorization'],
  ['x-api-key', 'X-API-Key'],
  ['Authorization', 'x-api-key'],
  ['x-api-key', 'Authorization'],
])('%s beside %s is ambiguous', (first, second) => {
  expect(codeOf(() => readHead(request(['Host', 'a', first, 'Bearer k', second, 'k'])))).toBe('ambiguous_credentials');
});

test('only one expectation is understood, and none on HTTP/1.0', () => {
  expect(readHead(request(['Host', 'a', 'Expect', '100-Continue'])).expectsContinue).toBe(true);
  expect(readHead(request(['Host', 'a', 'Expect', '100-continue'], { minor: 0 })).expectsContinue).toBe(false);
  expect(codeOf(() => readHead(request(['Host', 'a', 'Expect', 'anything'])))).toBe('expectation_failed');
});

test('a body that is encoded is refused', () => {
  expect(codeOf(() => readHead(request(['Host', 'a', 'Content-Encoding', 'gzip'])))).toBe('unsupported_media_type');
  expect(codeOf(() => readHead(request(['Host', 'a', 'Content-Encoding', 'Identity'])))).toBe(null);
});

test('the nearest hops come last, and X-Real-IP counts only without X-Forwarded-For', () => {
  expect(readHead(request(['Host', 'a', 'X-Forwarded-For', '1.1.1.1', 'x-forwarded-for', '2.2.2.2', 'X-Real-IP', '3.3.3.3'])).forwardedFor).toBe(
    '1.1.1.1, 2.2.2.2',
  );
  expect(readHead(request(['Host', 'a', 'X-Real-IP', '3.3.3.3'])).forwardedFor).toBe('3.3.3.3');
});

test('whatever the names and values, nothing but a refusal of ours is thrown and no shared object changes', () => {
  const shape = Reflect.ownKeys(Object.prototype);
  const name = fc.oneof(fc.constantFrom('host', 'authorization', 'x-api-key', 'expect', 'origin', '__proto__', 'constructor', 'toString'), fc.string());
  fc.assert(
    fc.property(fc.array(fc.tuple(name, fc.string())), (pairs) => {
      const code = codeOf(() => readHead(request(pairs.flat())));
      expect([null, 'bad_framing', 'ambiguous_credentials', 'expectation_failed', 'unsupported_media_type']).toContain(code);
    }),
    { numRuns: 2_000 },
  );
  expect(Reflect.ownKeys(Object.prototype)).toEqual(shape);
});

test.each(['?key=a', '?a=b&api_key=c', '?api-key=c', '?apikey=c', '?ACCESS_TOKEN=c', '?access-token=c', '?authorization=c', '?token=c'])(
  '%s is a credential',
  (query) => {
    expect(codeOf(() => refuseCredentialInQuery(query))).toBe('credential_in_query');
  },
);

test.each(['', '?', '?limit=1', '?monkey=a', '?after=key=1', '?tokens=3'])('%s is none', (query) => {
  expect(codeOf(() => refuseCredentialInQuery(query))).toBe(null);
});

test.each<[string | null, string | null]>([
  ['Bearer abc', 'abc'],
  ['bearer abc', 'abc'],
  ['BEARER  abc ', 'abc'],
  ['Basic abc', null],
  ['Bearer', null],
  ['Bearer ', null],
  ['Bearerabc', null],
  ['', null],
  [null, null],
])('%j carries the token %j', (header, token) => {
  expect(bearerToken(header)).toBe(token);
});
