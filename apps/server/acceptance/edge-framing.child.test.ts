import { rawExchange } from '@switchyard/testkit';
import { preparedHome } from '@switchyard/testkit/prepared-home';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { KEY, addAccount, startServer, startUpstream, until } from './harness.ts';
import type { Server, Upstream } from './harness.ts';
import { expectRefusal, rawAnswers } from './raw-answer.ts';

// Bytes on a socket against the whole product: fault rows B03 to B08, B10, B15 to B17.

const opened = new AsyncDisposableStack();
let server: Server;
let upstream: Upstream;
let port: number;
/** Requests that were meant to be served; the log must know of exactly these that they went upstream. */
let served = 0;

beforeAll(async () => {
  const home = opened.use(await preparedHome());
  upstream = opened.use(await startUpstream());
  server = opened.use(await startServer(home.path));
  port = Number(new URL(server.url).port);
  await addAccount(server, upstream, 'a1', ['m']);
});
afterAll(() => opened.disposeAsync());

const BODY = '{"model":"m","messages":[{"role":"user","content":"hello"}]}';
const LENGTH = `Content-Length: ${BODY.length}\r\n`;
const CHUNKED = 'Transfer-Encoding: chunked\r\n';
const CHUNKS = `${BODY.length.toString(16)}\r\n${BODY}\r\n0\r\n\r\n`;
const AUTH = `Authorization: Bearer ${KEY}\r\n`;

/** A chat request with some lines of its head added or replaced. */
function post(
  extra: string,
  body: string,
  { auth = AUTH, host = 'Host: gateway.test\r\n', target = '/v1/chat/completions', version = 'HTTP/1.1' } = {},
): string {
  return `POST ${target} ${version}\r\n${host}${auth}Content-Type: application/json\r\n${extra}\r\n${body}`;
}

/** A request that would be served, were it taken for one. */
const SMUGGLED = post(LENGTH, BODY);
const LAST = post(`${LENGTH}Connection: close\r\n`, BODY);

/** Sends a request that must be refused with the connection closed, and a good one right behind it that must never run. */
async function expectClosedRefusal(bytes: string, status: number, code: string): Promise<void> {
  const before = (await upstream.counters()).received;
  const { received } = await rawExchange(port, bytes + SMUGGLED);
  expectRefusal(received, status, code);
  expect((await upstream.counters()).received).toBe(before);
}

test('a request with sound framing is served, so that the refusals below mean something', async () => {
  const before = (await upstream.counters()).received;
  const byLength = await rawExchange(port, LAST);
  const chunked = await rawExchange(port, post(`${CHUNKED}Connection: close\r\n`, CHUNKS));
  served += 2;
  expect(rawAnswers(byLength.received)).toMatchObject([{ status: 200 }]);
  expect(rawAnswers(chunked.received)).toMatchObject([{ status: 200 }]);
  expect((await upstream.counters()).received).toBe(before + 2);
});

describe('a length in doubt is refused and the connection closed (B03)', () => {
  test.each<[string, string]>([
    ['twice the same', LENGTH + LENGTH],
    ['two that differ', `${LENGTH}Content-Length: 5\r\n`],
    ['a list', `Content-Length: ${BODY.length}, ${BODY.length}\r\n`],
    ['a plus sign', `Content-Length: +${BODY.length}\r\n`],
    ['hexadecimal', 'Content-Length: 0x5\r\n'],
    ['negative', 'Content-Length: -1\r\n'],
    ['23 digits, too many to count', 'Content-Length: 12345678901234567890123\r\n'],
    ['23 digits, most of them zeros', `Content-Length: ${String(BODY.length).padStart(23, '0')}\r\n`],
    ['empty', 'Content-Length:\r\n'],
    ['a space within', 'Content-Length: 5 5\r\n'],
  ])('%s', (_, headers) => expectClosedRefusal(post(headers, BODY), 400, 'bad_framing'));
});

describe('a transfer encoding in doubt is refused and the connection closed (B04)', () => {
  test.each<[string, string]>([
    ['a length before it', post(LENGTH + CHUNKED, CHUNKS)],
    ['a length after it', post(CHUNKED + LENGTH, CHUNKS)],
    ['xchunked', post('Transfer-Encoding: xchunked\r\n', CHUNKS)],
    ['chunked, identity', post('Transfer-Encoding: chunked, identity\r\n', CHUNKS)],
    ['identity, chunked', post('Transfer-Encoding: identity, chunked\r\n', CHUNKS)],
    ['gzip, chunked', post('Transfer-Encoding: gzip, chunked\r\n', CHUNKS)],
    ['a vertical tab before the name', post('Transfer-Encoding: \x0bchunked\r\n', CHUNKS)],
    ['chunked twice', post(CHUNKED + CHUNKED, CHUNKS)],
    ['chunked and identity in two lines', post(`${CHUNKED}Transfer-Encoding: identity\r\n`, CHUNKS)],
    ['identity and chunked in two lines', post(`Transfer-Encoding: identity\r\n${CHUNKED}`, CHUNKS)],
    ['on HTTP/1.0', post(CHUNKED, CHUNKS, { version: 'HTTP/1.0' })],
  ])('%s', (_, bytes) => expectClosedRefusal(bytes, 400, 'bad_framing'));
});

describe('bytes that are no well-formed message are refused and the connection closed (B05)', () => {
  test.each<[string, string]>([
    ['bare LF at every line end', post(LENGTH, '').replaceAll('\r\n', '\n') + BODY],
    ['bare LF at one line end', post(`X-A: b\n${LENGTH}`, BODY)],
    ['bare CR inside a value', post(`X-A: b\rX-B: c\r\n${LENGTH}`, BODY)],
    ['NUL inside a value', post(`X-A: b\0c\r\n${LENGTH}`, BODY)],
    ['a folded line', post(`X-A: b\r\n c\r\n${LENGTH}`, BODY)],
    ['a space before the colon', post(`X-A : b\r\n${LENGTH}`, BODY)],
    ['an empty header name', post(`: b\r\n${LENGTH}`, BODY)],
    ['a chunk longer than it says', post(CHUNKED, `${(BODY.length - 2).toString(16)}\r\n${BODY}\r\n0\r\n\r\n`)],
    ['a chunk without its line end', post(CHUNKED, `${BODY.length.toString(16)}\r\n${BODY}0\r\n\r\n`)],
    ['chunk lines ending in LF', post(CHUNKED, CHUNKS.replaceAll('\r\n', '\n'))],
    ['LF in a chunk extension', post(CHUNKED, CHUNKS.replace('\r\n', ';a\nb\r\n'))],
    ['a chunk size that overflows', post(CHUNKED, `FFFFFFFFFFFFFFFFF\r\n${BODY}\r\n0\r\n\r\n`)],
    ['a negative chunk size', post(CHUNKED, `-1\r\n${BODY}\r\n0\r\n\r\n`)],
    ['a chunk size with 0x', post(CHUNKED, `0x${CHUNKS}`)],
  ])('%s', (_, bytes) => expectClosedRefusal(bytes, 400, 'bad_framing'));
});

describe('a target, host or version in doubt is refused and the connection closed (B06)', () => {
  const good = { extra: LENGTH, body: BODY };
  test.each<[string, Parameters<typeof post>[2]]>([
    ['no host', { host: '' }],
    ['two hosts', { host: 'Host: a\r\nHost: b\r\n' }],
    ['the same host twice', { host: 'Host: a\r\nHost: a\r\n' }],
    ['an empty host', { host: 'Host:\r\n' }],
    ['a host with a space', { host: 'Host: a b\r\n' }],
    ['a host with a path', { host: 'Host: a/b\r\n' }],
    ['a host with a user', { host: 'Host: user@a\r\n' }],
    ['a list of hosts', { host: 'Host: a, b\r\n' }],
    ['a port that is none', { host: 'Host: a:80b\r\n' }],
    ['an absolute target for another host', { target: 'http://elsewhere.test/v1/chat/completions' }],
    ['an absolute target for this host', { target: 'http://gateway.test/v1/chat/completions' }],
    ['HTTP/2.0', { version: 'HTTP/2.0' }],
    ['HTTP/1.2', { version: 'HTTP/1.2' }],
    ['HTTP/0.9', { version: 'HTTP/0.9' }],
    ['no version', { version: '' }],
  ])('%s', (_, options) => expectClosedRefusal(post(good.extra, good.body, options), 400, 'bad_framing'));

  test('the preface of HTTP/2', () => expectClosedRefusal('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400, 'bad_framing'));

  test('the host decides nothing: any name gets the same answer', async () => {
    for (const host of ['127.0.0.1', '[::1]:4700', 'localhost', 'evil.test:80']) {
      const { received } = await rawExchange(port, `GET /v1/models HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
      expectRefusal(received, 401, 'invalid_api_key');
    }
  });
});

describe('too many or too large headers are refused whole, never cut (B07)', () => {
  const headers = (count: number): string => Array.from({ length: count }, (_, i) => `X-${i}: b\r\n`).join('');
  // Host, Authorization, Content-Type and Content-Length are there anyway.
  test.each([101, 1_500, 3_000])('%i headers', (count) => expectClosedRefusal(post(headers(count - 4) + LENGTH, BODY), 431, 'headers_too_large'));
  test('a header of 20 KB', () => expectClosedRefusal(post(`X-A: ${'a'.repeat(20_000)}\r\n${LENGTH}`, BODY), 431, 'headers_too_large'));
  test('100 headers are served, with the credential as the last of them', async () => {
    const { received } = await rawExchange(
      port,
      post(`${headers(95)}${LENGTH}Connection: close\r\n`.replace('X-0: b\r\n', ''), BODY, { auth: '' }).replace('\r\n\r\n', `\r\n${AUTH}\r\n`),
    );
    served += 1;
    expect(rawAnswers(received)).toMatchObject([{ status: 200 }]);
  });
});

describe('more than one credential, or one in the address, is refused (B08)', () => {
  test.each<[string, string, Parameters<typeof post>[2], string]>([
    ['two Authorization headers', AUTH, {}, 'ambiguous_credentials'],
    ['two different Authorization headers', 'Authorization: Bearer other\r\n', {}, 'ambiguous_credentials'],
    ['two x-api-key headers', `X-Api-Key: ${KEY}\r\nX-API-KEY: ${KEY}\r\n`, { auth: '' }, 'ambiguous_credentials'],
    ['both forms', `X-Api-Key: ${KEY}\r\n`, {}, 'ambiguous_credentials'],
    ['a key in the query', '', { target: `/v1/chat/completions?key=${KEY}` }, 'credential_in_query'],
    ['a key in the query and no other', '', { target: `/v1/chat/completions?a=b&api_key=${KEY}`, auth: '' }, 'credential_in_query'],
    ['a token in the query', '', { target: `/v1/chat/completions?access_token=${KEY}` }, 'credential_in_query'],
  ])('%s', async (_, extra, options, code) => {
    const before = (await upstream.counters()).received;
    const { received } = await rawExchange(port, post(`${extra}${LENGTH}Connection: close\r\n`, BODY, options));
    expectRefusal(received, 400, code);
    expect(received.includes(KEY)).toBe(false);
    expect((await upstream.counters()).received).toBe(before);
  });

  test('either form alone is served', async () => {
    const { received } = await rawExchange(port, post(`X-Api-Key: ${KEY}\r\n${LENGTH}Connection: close\r\n`, BODY, { auth: '' }));
    served += 1;
    expect(rawAnswers(received)).toMatchObject([{ status: 200 }]);
  });
});

test('an upgrade that nobody asked for leads nowhere, and no byte goes upstream (B09)', async () => {
  const before = (await upstream.counters()).received;
  const upgrade = `GET /v1/responses HTTP/1.1\r\nHost: a\r\n${AUTH}Connection: Upgrade, close\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`;
  const { received } = await rawExchange(port, upgrade + SMUGGLED);
  expectRefusal(received, 426, 'upgrade_required');
  expect((await upstream.counters()).received).toBe(before);
});

describe('a refusal with its body unread does not turn that body into a request (B10)', () => {
  const refused = (length: number, body: string): string =>
    post(`Content-Length: ${length}\r\n`, body, { auth: 'Authorization: Bearer sk-test-unknown-not-a-secret\r\n' });

  test('a small body is dropped, and the request behind it is served on the same connection', async () => {
    const before = (await upstream.counters()).received;
    const { received } = await rawExchange(port, refused(SMUGGLED.length, SMUGGLED) + LAST);
    served += 1;
    expect(rawAnswers(received).map(({ status }) => status)).toEqual([401, 200]);
    expect((await upstream.counters()).received).toBe(before + 1);
  });

  test('a large body ends the connection, whatever it looks like', async () => {
    const before = (await upstream.counters()).received;
    const body = SMUGGLED.repeat(2_000);
    const { received } = await rawExchange(port, refused(body.length, body) + SMUGGLED);
    expectRefusal(received, 401, 'invalid_api_key');
    expect((await upstream.counters()).received).toBe(before);
  });

  test('so does a chunked one, and one announced with an expectation', async () => {
    const before = (await upstream.counters()).received;
    for (const headers of [CHUNKED, `${LENGTH}Expect: 100-continue\r\n`]) {
      const { received } = await rawExchange(port, post(headers, headers === CHUNKED ? CHUNKS : '', { auth: '' }) + SMUGGLED);
      expectRefusal(received, 401, 'invalid_api_key');
    }
    expect((await upstream.counters()).received).toBe(before);
  });

  test('a body refused in the middle ends the connection too', async () => {
    const before = (await upstream.counters()).received;
    const bad = `{"model": nonsense${' '.repeat(100_000)}`;
    const { received } = await rawExchange(port, post(`Content-Length: ${bad.length + SMUGGLED.length}\r\n`, bad) + SMUGGLED + SMUGGLED);
    expectRefusal(received, 400, 'invalid_json');
    expect((await upstream.counters()).received).toBe(before);
  });

  test('a client that sends all before it reads anything still gets the answer', async () => {
    const body = Buffer.alloc(20_000_000, 'a');
    const refusals = await Promise.all(
      Array.from({ length: 6 }, () =>
        fetch(`${server.url}/v1/chat/completions`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', authorization: 'Bearer sk-test-unknown-not-a-secret' },
          body,
        }),
      ),
    );
    expect(refusals.map(({ status }) => status)).toEqual([401, 401, 401, 401, 401, 401]);
    await Promise.all(refusals.map((refusal) => refusal.text()));
  });

  test('a request behind an answer of ours that closes never runs', async () => {
    const { received } = await rawExchange(port, `GET /healthz HTTP/1.1\r\nHost: a\r\n${CHUNKED}\r\n${CHUNKS}${SMUGGLED}`);
    expect(rawAnswers(received)).toMatchObject([{ status: 200, headers: { connection: 'close' }, body: '{"status":"ok"}' }]);
  });

  test('requests sent ahead are answered one after the other, in order', async () => {
    const first = (await upstream.counters()).received;
    const { received } = await rawExchange(port, SMUGGLED + `GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n` + LAST);
    served += 2;
    expect(rawAnswers(received)).toMatchObject([{ status: 200 }, { status: 200, body: '{"status":"ok"}' }, { status: 200 }]);
    expect((await upstream.counters()).received).toBe(first + 2);
  });
});

test('headers named like parts of an object are answered normally (B15)', async () => {
  const { received } = await rawExchange(
    port,
    post(`__proto__: x\r\nconstructor: y\r\ntoString: z\r\nhasOwnProperty: w\r\n${LENGTH}Connection: close\r\n`, BODY),
  );
  served += 1;
  expect(rawAnswers(received)).toMatchObject([{ status: 200 }]);
  const headers = (await upstream.received()).at(-1)!.headers;
  expect(Object.keys(headers)).not.toContain('constructor');
});

describe('what we echo cannot break out of its place (B16)', () => {
  test('control characters in a model name are refused, and the name is not echoed raw', async () => {
    for (const name of ['a\\r\\nX-Evil: 1', 'a\\u0000b', 'a\\u001b[2Jb', 'a\\u0085b']) {
      const body = `{"model":"${name}","messages":[]}`;
      const { received } = await rawExchange(port, post(`Content-Length: ${body.length}\r\nConnection: close\r\n`, body));
      expectRefusal(received, 400, 'invalid_value');
      expect(rawAnswers(received)[0]!.headers).not.toHaveProperty('x-evil');
    }
  });

  test('a name that is not Latin is echoed as JSON, and an encoded line break in a path stays text', async () => {
    const body = Buffer.from('{"model":"模型\u2028x","messages":[]}').toString('latin1');
    const named = await rawExchange(port, post(`Content-Length: ${body.length}\r\nConnection: close\r\n`, body));
    expectRefusal(named.received, 404, 'model_not_found');
    const { received } = await rawExchange(port, `GET /v1/models/a%c3%a9b HTTP/1.1\r\nHost: a\r\n${AUTH}Connection: close\r\n\r\n`);
    expectRefusal(received, 404, 'model_not_found');
    await expectClosedRefusal(`GET /v1/models/a%0d%0aX-Evil:1 HTTP/1.1\r\nHost: a\r\n${AUTH}\r\n`, 400, 'bad_framing');
  });

  test('a request id of the client is a label and never comes back', async () => {
    const { received } = await rawExchange(port, post(`X-Request-Id: mine\x80\xff\r\n${LENGTH}Connection: close\r\n`, BODY));
    served += 1;
    expect(rawAnswers(received)).toMatchObject([{ status: 200 }]);
    expect(received.includes('mine')).toBe(false);
  });
});

describe('a path has one spelling or is refused (B17)', () => {
  test.each([
    '/v1/%63hat/completions',
    '/v1/%2563hat/completions',
    '/v1/chat%2fcompletions',
    '/v1/chat%5ccompletions',
    '/v1/chat\\completions',
    '/v1//chat/completions',
    '//v1/chat/completions',
    '/v1/./chat/completions',
    '/v1/x/../chat/completions',
    '/v1/x/%2e%2e/chat/completions',
    '/v1/x/.%2E/chat/completions',
    '/v1/chat/completions;a=b',
    '/v1/chat/completions%3bx',
    '/v1/chat/completions/',
    '/v1/chat/completions.',
    '/v1/Chat/Completions',
    '/v1/chat/completions%00',
    '/v1/chat/completions%',
    '/v1/chat/completions%zz',
    '/v1/chat/completions#x',
    '/v1/chat/comple\xfetions',
    '/v1/chat/completions?a=\xfe',
    '/healthz/../v1/chat/completions',
    '/api/../v1/chat/completions',
    '/metrics/../api/accounts',
  ])('%s', (target) => expectClosedRefusal(post(LENGTH, BODY, { target }), 400, 'bad_framing'));

  test('another case of the first segment is another path, which does not exist', async () => {
    const { received } = await rawExchange(port, post(`${LENGTH}Connection: close\r\n`, BODY, { target: '/V1/chat/completions' }));
    expectRefusal(received, 404, 'route_not_found');
  });

  test('TRACE is not passed on: an upstream would send the credential of the account back', async () => {
    const before = (await upstream.counters()).received;
    const { received } = await rawExchange(port, `TRACE /v1/files HTTP/1.1\r\nHost: a\r\n${AUTH}Connection: close\r\n\r\n`);
    expectRefusal(received, 405, 'method_not_allowed');
    expect((await upstream.counters()).received).toBe(before);
  });
});

test('only what was served went upstream, and nothing is left in flight', async () => {
  // The log is written behind.
  const { data } = await until(
    async () => (await (await server.admin('/api/logs?limit=200')).json()) as { data: { attempts: number; outcome: string }[] },
    (log) => log.data.every(({ outcome }) => outcome !== 'open'),
  );
  expect(data.filter(({ attempts }) => attempts > 0)).toHaveLength(served);
  expect(data.filter(({ outcome }) => outcome === 'completed')).toHaveLength(served);
  expect((await upstream.counters()).received).toBe(served);
  expect(await server.metric('switchyard_requests_in_flight{lane="responses"}')).toBe(0);
  expect(await server.metric('switchyard_upstream_in_flight')).toBe(0);
  expect(await server.metric('switchyard_request_body_bytes')).toBe(0);
  expect(server.stderr()).not.toContain('request_failed');
});
