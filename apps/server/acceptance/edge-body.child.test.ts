import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { rawExchange } from '@switchyard/testkit';
import type { RawPart } from '@switchyard/testkit';
import { preparedHome } from '@switchyard/testkit/prepared-home';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { KEY, addAccount, startServer, startUpstream, until } from './harness.ts';
import type { Server, Upstream } from './harness.ts';
import { expectRefusal, rawAnswers } from './raw-answer.ts';

// Bodies that are too large, too deep, of the wrong kind or made to do harm: fault rows B11 to B14.

const MIB = 1_048_576;
const opened = new AsyncDisposableStack();
let upstream: Upstream;
/** One server with the limits it ships with, one that takes bodies up to 1 MiB. */
let server: Server;
let small: Server;

beforeAll(async () => {
  const homes = [opened.use(await preparedHome()), opened.use(await preparedHome())] as const;
  upstream = opened.use(await startUpstream());
  const started = await Promise.allSettled([startServer(homes[0].path), startServer(homes[1].path, { SWITCHYARD_LIMITS_BODY_BYTES: String(MIB) })]);
  for (const result of started) if (result.status === 'fulfilled') opened.use(result.value);
  [server, small] = started.map((result) => {
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  }) as [Server, Server];
  await addAccount(server, upstream, 'a1', ['m']);
  await addAccount(small, upstream, 'a1', ['m']);
});
afterAll(() => opened.disposeAsync());

const portOf = ({ url }: Server): number => Number(new URL(url).port);

function head(extra: string, contentType = 'Content-Type: application/json\r\n'): string {
  return `POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${KEY}\r\n${contentType}Connection: close\r\n${extra}\r\n`;
}

function post(body: string | Buffer, contentType?: string): RawPart[] {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  return [head(`Content-Length: ${bytes.length}\r\n`, contentType), bytes];
}

/** Expects a refusal, and that nothing of it went upstream. */
async function expectRefused(parts: RawPart[], status: number, code: string, on = server): Promise<void> {
  const before = (await upstream.counters()).received;
  const { received } = await rawExchange(portOf(on), parts);
  expectRefusal(received, status, code);
  expect((await upstream.counters()).received).toBe(before);
}

/** Resident memory of a server in bytes. */
function memory({ child }: Server): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))![1]) * 1_024;
}

describe('a body over the limit (B11)', () => {
  test('is refused by its declared length before any of it has come', () => expectRefused([head('Content-Length: 100000000\r\n')], 413, 'body_too_large'));

  test('is refused at the limit when it does not declare one', async () => {
    const piece = `10000\r\n${' '.repeat(65_536)}\r\n`;
    await expectRefused([head('Transfer-Encoding: chunked\r\n'), ...Array.from({ length: 40 }, () => piece)], 413, 'body_too_large', small);
  });

  test('is not asked for: an expectation gets the refusal and no 100', () =>
    expectRefused([head('Content-Length: 100000000\r\nExpect: 100-continue\r\n')], 413, 'body_too_large'));

  test('an expectation that can be met gets its 100, then the answer', async () => {
    const body = '{"model":"m","messages":[]}';
    const { received } = await rawExchange(portOf(server), [head(`Content-Length: ${body.length}\r\nExpect: 100-continue\r\n`), 200, body]);
    expect(rawAnswers(received).map(({ status }) => status)).toEqual([100, 200]);
  });

  test('the body of an expectation is not asked for before the head has been judged', async () => {
    const bad = head('Content-Length: 10\r\nExpect: 100-continue\r\n').replace(KEY, 'sk-test-unknown-not-a-secret');
    await expectRefused([bad], 401, 'invalid_api_key');
    await expectRefused([head('Content-Length: 10\r\nExpect: 200-ok\r\n')], 417, 'expectation_failed');
  });

  test('a body shorter than it says, whose sender has ended, goes nowhere', async () => {
    const before = (await upstream.counters()).received;
    const { received } = await rawExchange(portOf(server), [head('Content-Length: 1000\r\n'), '{"model":"m"'], { halfClose: true });
    expectRefusal(received, 400, 'bad_framing');
    expect((await upstream.counters()).received).toBe(before);
  });

  test('costs no memory, however much of it comes', async () => {
    const piece = Buffer.alloc(65_536, ' ');
    const chunk = Buffer.concat([Buffer.from('10000\r\n'), piece, Buffer.from('\r\n')]);
    const flood = async (): Promise<void> => {
      await expectRefused([head('Content-Length: 100000000\r\n'), ...Array.from({ length: 1_525 }, () => piece)], 413, 'body_too_large', small);
      await expectRefused([head('Transfer-Encoding: chunked\r\n'), ...Array.from({ length: 1_525 }, () => chunk)], 413, 'body_too_large', small);
    };
    await flood();
    const growth: number[] = [];
    for (let round = 0; round < 4; round++) {
      const before = memory(small);
      await flood();
      growth.push(memory(small) - before);
    }
    // Heaps and pools grow in steps of their own; what bodies cost, they would cost each time.
    expect(Math.min(...growth)).toBeLessThan(20 * MIB);
    expect(await small.metric('switchyard_request_body_bytes')).toBe(0);
  });
});

describe('JSON that readers take differently or choke on is refused (B12)', () => {
  const rest = ',"messages":[]}';
  test.each<[string, string | Buffer, string]>([
    ['a depth of a million', `{"model":"m","messages":${'['.repeat(1_000_000)}`, 'json_too_complex'],
    ['a depth of a million objects', `{"model":"m","messages":${'{"a":'.repeat(1_000_000)}`, 'json_too_complex'],
    ['a million keys', `{"model":"m","metadata":{${Array.from({ length: 1_000_000 }, (_, i) => `"k${i}":1`).join(',')}}}`, 'json_too_complex'],
    ['the model twice', `{"model":"m","model":"other"${rest}`, 'duplicate_parameter'],
    ['the model twice, once spelt with an escape', `{"model":"m","mod\\u0065l":"other"${rest}`, 'duplicate_parameter'],
    ['stream twice', `{"model":"m","stream":true,"stream":false${rest}`, 'duplicate_parameter'],
    ['1e400', `{"model":"m","temperature":1e400${rest}`, 'invalid_json'],
    ['half a surrogate pair', `{"model":"m","user":"\\ud800"${rest}`, 'invalid_json'],
    ['a surrogate pair the wrong way round', `{"model":"m","user":"\\udc00\\ud800"${rest}`, 'invalid_json'],
    ['bytes that are no UTF-8', Buffer.from(`{"model":"m","user":"\xff"${rest}`, 'latin1'), 'invalid_json'],
    ['NUL in a string', `{"model":"m","user":"\0"${rest}`, 'invalid_json'],
    ['a byte order mark', `\ufeff{"model":"m"${rest}`, 'invalid_json'],
    ['NaN', `{"model":"m","temperature":NaN${rest}`, 'invalid_json'],
    ['a comment', `{"model":"m"/* */${rest}`, 'invalid_json'],
    ['something after the end', `{"model":"m"${rest}{}`, 'invalid_json'],
    ['an array', '[]', 'invalid_json'],
    ['nothing', '', 'invalid_json'],
    ['a text that stops short', '{"model":"m"', 'invalid_json'],
    ['no model', '{"messages":[]}', 'missing_required_parameter'],
    ['a model that is no string', `{"model":["m"]${rest}`, 'invalid_value'],
  ])('%s', (_, body, code) => expectRefused(post(body), 400, code));

  test('a string of 50 MB goes up byte for byte, and nobody else waits for it', async () => {
    const body = Buffer.concat([Buffer.from('{"model":"m","messages":[{"role":"user","content":"'), Buffer.alloc(50_000_000, 'a'), Buffer.from('"}]}')]);
    const stalls: number[] = [];
    // A stall of ours shows each time; one of a busy machine does not.
    for (let round = 0; round < 3 && !(Math.min(...stalls) < 500); round++) {
      let worst = 0;
      let over = false;
      const probing = (async () => {
        while (!over) {
          const startedMs = performance.now();
          await (await fetch(`${server.url}/healthz`)).text();
          worst = Math.max(worst, performance.now() - startedMs);
        }
      })();
      const { received } = await rawExchange(portOf(server), post(body));
      over = true;
      await probing;
      stalls.push(worst);
      expect(rawAnswers(received)).toMatchObject([{ status: 200 }]);
    }
    expect(Math.min(...stalls)).toBeLessThan(500);
    expect((await upstream.received()).at(-1)!.bodySha256).toBe(createHash('sha256').update(body).digest('hex'));
  });
});

describe('names of object parts are names like any other (B13)', () => {
  test('in a body they go up untouched', async () => {
    const body = '{"__proto__":{"model":"evil","stream":true},"constructor":{"prototype":{"admin":true}},"toString":1,"model":"m","messages":[]}';
    const { received } = await rawExchange(portOf(server), post(body));
    expect(rawAnswers(received)).toMatchObject([{ status: 200 }]);
    expect((await upstream.received()).at(-1)!.bodySha256).toBe(createHash('sha256').update(body).digest('hex'));
  });

  test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])('%s as a model, an id, a previous response and a query', async (name) => {
    const asModel = await server.ask('/v1/chat/completions', { model: name, messages: [] });
    expect([asModel.status, await asModel.json()]).toMatchObject([404, { error: { code: 'model_not_found' } }]);
    const asModelId = await server.ask(`/v1/models/${name}`);
    expect([asModelId.status, await asModelId.json()]).toMatchObject([404, { error: { code: 'model_not_found' } }]);
    const asId = await server.ask(`/v1/responses/${name}?${name}[admin]=1&${name}=1`);
    expect(asId.status).toBe(404);
    await asId.text();
    const asPrevious = await server.ask('/v1/responses', { model: 'm', input: 'hello', previous_response_id: name });
    expect([asPrevious.status, await asPrevious.json()]).toMatchObject([400, { error: { code: 'previous_response_not_found' } }]);
    const asKey = await fetch(`${server.url}/v1/models`, { headers: { authorization: `Bearer ${name}` } });
    expect([asKey.status, await asKey.json()]).toMatchObject([401, { error: { code: 'invalid_api_key' } }]);
  });
});

describe('a body of another kind is refused unread (B14)', () => {
  const json = '{"model":"m","messages":[]}';
  test.each<[string, string]>([
    ['missing', ''],
    ['empty', 'Content-Type:\r\n'],
    ['a tab and junk', 'Content-Type: application/json\tjunk\r\n'],
    ['a tab before the parameter', 'Content-Type: application/json\t;charset=utf-8\r\n'],
    ['utf-7', 'Content-Type: application/json; charset=utf-7\r\n'],
    ['utf-16', 'Content-Type: application/json; charset=utf-16\r\n'],
    ['multipart', 'Content-Type: multipart/form-data; boundary=x\r\n'],
    ['what a form of another site can send', 'Content-Type: text/plain\r\n'],
    ['a form', 'Content-Type: application/x-www-form-urlencoded\r\n'],
    ['a list', 'Content-Type: application/json, text/plain\r\n'],
    ['a longer name', 'Content-Type: application/jsonp\r\n'],
    ['JSON inside another parameter', 'Content-Type: text/plain; x=application/json\r\n'],
    ['compressed', 'Content-Type: application/json\r\nContent-Encoding: gzip\r\n'],
    ['compressed twice', 'Content-Type: application/json\r\nContent-Encoding: identity, gzip\r\n'],
  ])('%s', async (_, contentType) => {
    await expectRefused(post(json, contentType), 415, 'unsupported_media_type');
    await expectRefused(post('not json at all', contentType), 415, 'unsupported_media_type');
  });

  test('two types are refused as framing in doubt', () =>
    expectRefused(post(json, 'Content-Type: application/json\r\nContent-Type: text/plain\r\n'), 400, 'bad_framing'));

  test.each(['application/json', 'application/json; charset=utf-8', 'Application/JSON;charset="UTF-8"'])('%s is served', async (type) => {
    const { received } = await rawExchange(portOf(server), post(json, `Content-Type: ${type}\r\n`));
    expect(rawAnswers(received)).toMatchObject([{ status: 200 }]);
  });
});

// The request in front may have gone up by then, so nothing that counts what comes up may follow.
test('what comes behind the declared length is no part of it, and being no request either, breaks the connection (B11)', async () => {
  const body = '{"model":"m","messages":[]}';
  const { received } = await rawExchange(portOf(server), [head(`Content-Length: ${body.length}\r\n`), `${body}, "and": "more"`]);
  expectRefusal(received, 400, 'bad_framing');
});

test('nothing is left in flight or in memory, and no fault of ours was logged', async () => {
  for (const each of [server, small]) {
    await until(
      () => each.metric('switchyard_requests_in_flight{lane="responses"}'),
      (count) => count === 0,
    );
    expect(await each.metric('switchyard_request_body_bytes')).toBe(0);
    expect(each.stderr()).not.toMatch(/"level":"(?:error|critical)"/);
  }
});
