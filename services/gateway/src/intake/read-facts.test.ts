import { Readable } from 'node:stream';
import type { IncomingMessage, ServerResponse } from 'node:http';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NO_CLAIMS } from '../bindings/claims.ts';
import type { RequestHead } from '../edge/read-head.ts';
import { SURFACES } from '../routes.ts';
import type { Surface } from '../routes.ts';
import { BodyMemory } from './read-body.ts';
import { readFacts } from './read-facts.ts';

const surface = (name: string): Surface => SURFACES.find((candidate) => candidate.name === name)!;
const JSON_HEAD = 'application/json';

async function facts(text: string | Buffer, name = 'chat.completions', contentType: string | null = JSON_HEAD, session: string | null = null) {
  const bytes = Buffer.from(text);
  const memory = new BodyMemory(10_000_000);
  const head = { contentType, contentLength: bytes.length, isChunked: false, expectsContinue: false, turnState: null, session } as RequestHead;
  const request = Readable.from([bytes], { objectMode: false }) as unknown as IncomingMessage;
  const read = Promise.try(() => readFacts(request, {} as ServerResponse, surface(name), head, { maxBytes: 1_000_000, memory }, true));
  return { read: await read.then((value) => ({ value }), (error: { code: string; param: string | null }) => ({ code: error.code, param: error.param })), held: memory.held }; // prettier-ignore
}

test('the routed fields are read, and the bytes stay as they came', async () => {
  const text = ' {"stream":true, "previous_response_id":"resp_1","store":false,\n"model":"m\\u006f","x":[{"model":"inner"}]} ';
  const { read, held } = await facts(text);
  expect(read).toEqual({
    value: {
      body: Buffer.from(text),
      encoded: null,
      model: 'mo',
      modelAt: text.indexOf('"m\\u006f"'),
      modelEnd: text.indexOf(',"x"'),
      stream: true,
      claims: { ...NO_CLAIMS, previousResponse: 'resp_1' },
      store: false,
      background: false,
      frame: null,
    },
  });
  expect(held).toBe(text.length);
});

test('what a request of a conversation continues is read from head and body; a header names the thread before the body does', async () => {
  const body = {
    model: 'm',
    prompt_cache_key: 'cache',
    client_metadata: { thread_id: 'thread-b' },
    input: [
      { type: 'message', role: 'user', content: 'x' },
      { type: 'function_call_output', call_id: 'call_1', output: 'y' },
    ],
  };
  const { read } = await facts(JSON.stringify(body), 'responses.create');
  expect(read).toMatchObject({ value: { claims: { ...NO_CLAIMS, session: 'thread-b', calls: ['call_1'], cacheKey: 'cache' } } });
  expect((await facts(JSON.stringify(body), 'responses.create', JSON_HEAD, 'thread-h')).read).toMatchObject({ value: { claims: { session: 'thread-h' } } });
  expect((await facts(JSON.stringify(body), 'chat.completions', JSON_HEAD, 'thread-h')).read).toMatchObject({ value: { claims: null } });
  expect((await facts('{"model":"m","input":"x"}', 'responses.create')).read).toMatchObject({ value: { claims: null } });
});

test.each(['responses.create', 'chat.completions', 'other'] as const)(
  '%s says which files it names, whether its input is looked into or not',
  async (surface) => {
    const naming = (ids: readonly string[]) =>
      JSON.stringify({ model: 'm', messages: [{ role: 'user', content: ids.map((id) => ({ type: 'file', file: { file_id: id } })) }] });
    const ids = Array.from({ length: 1_024 }, (_, i) => `file-${i}`);
    expect((await facts(naming([...ids, ...ids]), surface)).read).toMatchObject({ value: { claims: { ...NO_CLAIMS, files: ids } } });
    expect((await facts(naming([...ids, 'one-more']), surface)).read).toMatchObject({ code: 'json_too_complex' });
  },
);

test('files, a conversation object and compactions are read where a request goes on from them', async () => {
  const file = {
    type: 'message',
    role: 'user',
    content: [
      { type: 'input_file', file_id: 'file-1' },
      { type: 'input_image', file_id: 'file-2' },
    ],
  };
  const compacted = { type: 'compaction', id: 'cmp_1', encrypted_content: 'sealed' };
  const read = async (body: object) => (await facts(JSON.stringify({ model: 'm', ...body }), 'responses.create')).read;
  expect(await read({ conversation: 'conv_1', input: [file] })).toMatchObject({
    value: { claims: { ...NO_CLAIMS, conversation: 'conv_1', files: ['file-1', 'file-2'] } },
  });
  expect(await read({ conversation: { id: 'conv_1' } })).toMatchObject({ value: { claims: { ...NO_CLAIMS, conversation: 'conv_1' } } });
  expect(await read({ input: [compacted, file] })).toMatchObject({ value: { claims: { isFollowUp: true, isCompact: false } } });
  expect(await read({ prompt_cache_key: 'c', input: [file, { type: 'compaction_trigger' }] })).toMatchObject({
    value: { claims: { isFollowUp: false, isCompact: true } },
  });
  for (const conversation of [7, null, ['conv_1'], { id: 7 }, '']) expect(await read({ conversation })).toMatchObject({ value: { claims: null } });
});

test('what only we look at is passed over when it is not what it should be: the upstream judges it', async () => {
  const odd = { model: 'm', prompt_cache_key: 7, client_metadata: { thread_id: ['x'] }, input: { type: 'function_call_output' } };
  expect((await facts(JSON.stringify(odd), 'responses.create')).read).toMatchObject({ value: { claims: null } });
});

test('what is absent or null has its default', async () => {
  for (const text of ['{"model":"m"}', '{"model":"m","stream":null,"store":null,"previous_response_id":null}']) {
    expect((await facts(text)).read).toMatchObject({ value: { stream: false, store: true, claims: null } });
  }
});

test.each<[string, string, string | null]>([
  ['{"stream":true}', 'missing_required_parameter', 'model'],
  ['{"model":null}', 'missing_required_parameter', 'model'],
  ['{"model":""}', 'invalid_value', 'model'],
  ['{"model":7}', 'invalid_value', 'model'],
  [`{"model":"${'m'.repeat(513)}"}`, 'invalid_value', 'model'],
  ['{"model":"a\\nb"}', 'invalid_value', 'model'],
  ['{"model":"m","stream":"true"}', 'invalid_value', 'stream'],
  ['{"model":"m","store":0}', 'invalid_value', 'store'],
  ['{"model":"m","previous_response_id":[]}', 'invalid_value', 'previous_response_id'],
  ['{"model":"m","model":"n"}', 'duplicate_parameter', 'model'],
  ['{"model":"m"', 'invalid_json', null],
  ['', 'invalid_json', null],
])('%s is %s, and gives back the memory', async (text, code, param) => {
  expect(await facts(text)).toEqual({ read: { code, param }, held: 0 });
});

test('bytes that are no UTF-8 are no JSON', async () => {
  expect((await facts(Buffer.from('{"model":"\xff"}', 'latin1'))).read).toMatchObject({ code: 'invalid_json' });
});

describe('content types (fault row B14)', () => {
  test.each(['application/json', 'Application/JSON', 'application/json; charset=utf-8', 'application/json;charset="UTF-8"', 'application/json;'])(
    '%j is JSON',
    async (type) => {
      expect((await facts('{"model":"m"}', 'chat.completions', type)).read).toMatchObject({ value: { model: 'm' } });
    },
  );

  test.each([
    null,
    '',
    'text/plain',
    'application/json\tx',
    'application/json; charset=utf-7',
    'application/json; charset=utf-8; charset=utf-7',
    'application/json, text/plain',
    'application/jsonx',
    'multipart/form-data; boundary=a',
  ])('%j is not, and the body is not read', async (type) => {
    expect(await facts('{"model":"m"}', 'chat.completions', type)).toEqual({ read: { code: 'unsupported_media_type', param: 'content-type' }, held: 0 });
  });

  test('a path that takes anything takes anything, and reads JSON when it says so', async () => {
    expect((await facts('--a\r\n', 'other', 'multipart/form-data; boundary=a')).read).toMatchObject({ value: { model: null } });
    expect((await facts('{"model":"m"}', 'other')).read).toMatchObject({ value: { model: 'm' } });
    expect((await facts('{"a":1}', 'other')).read).toMatchObject({ value: { model: null } });
    expect((await facts('{"a":', 'other')).read).toMatchObject({ code: 'invalid_json' });
  });
});

test('names of object parts change nothing, whatever the body holds (fault row B13)', async () => {
  const shape = Reflect.ownKeys(Object.prototype);
  const key = fc.constantFrom('__proto__', 'constructor', 'prototype', 'toString', 'valueOf', 'model', 'stream', 'a');
  const value = fc.letrec((tie) => ({
    any: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom('m', true, null, 1),
      fc.array(tie('any'), { maxLength: 3 }),
      fc.array(fc.tuple(key, tie('any')), { maxLength: 4 }).map(pairs),
    ),
  })).any;
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(key, value), { maxLength: 6 }), async (members) => {
      const { read } = await facts(text(pairs(members)));
      const seen = members.filter(([name]) => name === 'model');
      if ('value' in read) expect(read.value).toMatchObject({ model: seen[0]?.[1] });
      else expect(['missing_required_parameter', 'invalid_value', 'duplicate_parameter']).toContain(read.code);
    }),
    { numRuns: 1_000 },
  );
  expect(Reflect.ownKeys(Object.prototype)).toEqual(shape);
  expect(({} as Record<string, unknown>)['model']).toBeUndefined();
});

/** Members in order, for keys may come twice and may be called `__proto__`. */
interface Pairs {
  readonly members: readonly (readonly [string, unknown])[];
}

function pairs(members: readonly (readonly [string, unknown])[]): Pairs {
  return { members };
}

function text(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(text).join(',')}]`;
  if (typeof value === 'object' && value !== null)
    return `{${(value as Pairs).members.map(([name, member]) => `${JSON.stringify(name)}:${text(member)}`).join(',')}}`;
  return JSON.stringify(value);
}
