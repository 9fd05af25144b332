import { createHash } from 'node:crypto';
import { SDK_ERRORS } from '@switchyard/simulator/sdk-errors';
import OpenAI from 'openai';
import { preparedHome } from '@switchyard/testkit/prepared-home';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { KEY, startServer, startTogether, startUpstream, until } from './harness.ts';
import type { Server, Upstream } from './harness.ts';

// The `openai` package as a client: everything an application does with it has to work through the gateway as it does without.
// Account `one` serves most names alone, so that what its upstream says reaches the client; `left` and `right` share one name.

const opened = new AsyncDisposableStack();
let server: Server;
let upstream: Upstream;
let second: Upstream;
let client: OpenAI;

beforeAll(async () => {
  const home = opened.use(await preparedHome());
  [second, upstream, server] = await startTogether(opened, startUpstream(), startUpstream(), startServer(home.path));
  await link('one', upstream.url, ['gpt-5.5', 'gpt-5.5-mini', 'text-embedding-3-small']);
  await link('left', upstream.url, ['shared']);
  await link('right', second.url, ['shared']);
  await link('nowhere', 'http://127.0.0.1:1', ['unreachable']);
  client = new OpenAI({ apiKey: KEY, baseURL: `${server.url}/v1` });
}, 120_000);
afterAll(() => opened.disposeAsync(), 60_000);
beforeEach(async () => void (await Promise.all([upstream.reset(), second.reset()])));

async function link(name: string, origin: string, models: string[]): Promise<void> {
  const response = await post('/api/accounts', { name, kind: 'openai', base_url: `${origin}/v1`, credential: `sk-test-${name}-not-a-secret`, models });
  expect(response.status).toBe(201);
}

function post(path: string, body: unknown): Promise<Response> {
  return server.admin(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
}

const user = (content: string): OpenAI.ChatCompletionMessageParam => ({ role: 'user', content });
const weather = { name: 'weather', parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] } };
const person = {
  type: 'object',
  properties: { name: { type: 'string' }, age: { type: 'integer', minimum: 18 } },
  required: ['name', 'age'],
  additionalProperties: false,
};

describe('chat completions', () => {
  test('a question is answered by the account, with usage, and with the ids of both sides', async () => {
    const asking = client.chat.completions.create({ model: 'gpt-5.5', messages: [user('three small words')] });
    const answer = await asking;
    expect(answer.choices[0]?.message.content).toBe('You said: three small words');
    expect(answer.usage).toMatchObject({ prompt_tokens: 3, completion_tokens: 6, total_tokens: 9 });
    const { headers } = await asking.asResponse();
    expect(answer._request_id).toBe(headers.get('x-request-id'));
    expect(answer._request_id).toMatch(/^req_[0-9a-f]+$/); // the upstream's, which its operator knows
    expect(headers.get('x-switchyard-request-id')).toMatch(/^req_[0-9a-z]{26}$/);
    expect(headers.get('x-switchyard-account')).toBe('one');
  });

  test('the upstream sees its own credential and what the SDK says of itself, and nothing of the key', async () => {
    await client.chat.completions.create({ model: 'gpt-5.5', messages: [user('who asks')] });
    const [received] = await upstream.received();
    expect(received?.headers).toMatchObject({
      authorization: `sha256:${createHash('sha256').update('sk-test-one-not-a-secret').digest('hex').slice(0, 12)}`,
      'x-stainless-lang': 'js',
      'x-stainless-retry-count': '0',
      'accept-encoding': 'identity',
      'user-agent': expect.stringMatching(/^OpenAI\/JS /),
    });
    expect(JSON.stringify(received)).not.toContain(KEY);
  });

  test('a stream joins to the unary text, and tells usage only when it was asked for', async () => {
    const body = { model: 'gpt-5.5', messages: [user('hi there')], stream: true as const };
    const told = await Array.fromAsync(await client.chat.completions.create({ ...body, stream_options: { include_usage: true } }));
    expect(told[0]?.choices[0]?.delta).toMatchObject({ role: 'assistant', content: '' });
    expect(told.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('')).toBe('You said: hi there');
    expect(told.at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens: 2, total_tokens: 7 } });
    const plain = await Array.fromAsync(await client.chat.completions.create(body));
    expect(plain.filter((chunk) => 'usage' in chunk)).toEqual([]);
  });

  test('the text of a stream arrives as it is told, not at the end', async () => {
    await upstream.script({ rules: [{ answer: { say: { text: ['early', ' late'] }, hold: { at: 2, gate: 'rest' } } }] });
    const stream = await client.chat.completions.create({ model: 'gpt-5.5', messages: [user('slowly')], stream: true });
    let text = '';
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? '';
      // Held until the first portion is here: were it kept back anywhere on the way, this loop would never go on.
      if (text === 'early') await upstream.release('rest');
    }
    expect(text).toBe('early late');
  });

  test('parallel tool calls are streamed, run by the tool runner, and their results lead to a text', async () => {
    const cities: string[] = [];
    const runner = client.chat.completions.runTools({
      model: 'gpt-5.5',
      messages: [user('call weather with {"city":"Paris"} and call weather with {"city":"Oslo"}')],
      tools: [
        {
          type: 'function',
          function: {
            ...weather,
            description: 'Tells the weather.',
            parse: JSON.parse,
            function: ({ city }: { city: string }) => {
              cities.push(city);
              return 'rain';
            },
          },
        },
      ],
      stream: true,
    });
    expect(await runner.finalContent()).toBe('The tool answered: rain | rain');
    expect(cities).toEqual(['Paris', 'Oslo']);
  });

  test('structured output is parsed', async () => {
    const answer = await client.chat.completions.parse({
      model: 'gpt-5.5',
      messages: [user('fill')],
      response_format: { type: 'json_schema', json_schema: { name: 'person', strict: true, schema: person } },
    });
    expect(JSON.parse(answer.choices[0]?.message.content ?? '')).toEqual({ name: 'sample', age: 18 });
  });

  test('legacy completions work, whole and streamed', async () => {
    const answer = await client.completions.create({ model: 'gpt-5.5', prompt: ['one', 'two'] });
    expect(answer.choices.map(({ text }) => text)).toEqual(['You said: one', 'You said: two']);
    const chunks = await Array.fromAsync(await client.completions.create({ model: 'gpt-5.5', prompt: 'one', stream: true }));
    expect(chunks.map((chunk) => chunk.choices[0]?.text).join('')).toBe('You said: one');
  });
});

describe('responses', () => {
  test('a response can be read, its input listed, and it can be deleted', async () => {
    const first = await client.responses.create({ model: 'gpt-5.5', input: 'remember me' });
    expect(first).toMatchObject({ status: 'completed', output_text: 'You said: remember me', usage: { total_tokens: 7 } });
    expect((await client.responses.retrieve(first.id)).output_text).toBe('You said: remember me');
    expect(await Array.fromAsync(client.responses.inputItems.list(first.id, { limit: 1 }))).toMatchObject([{ content: [{ text: 'remember me' }] }]);
    await client.responses.delete(first.id);
    await expect(client.responses.retrieve(first.id)).rejects.toThrow(OpenAI.NotFoundError);
  });

  test('a stream keeps the order of events, numbers them without a gap, and can be told again from where it was left', async () => {
    const events = await Array.fromAsync(await client.responses.create({ model: 'gpt-5.5', input: 'hi you', stream: true }));
    expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, index) => index));
    expect([events[0]?.type, events.at(-1)?.type]).toEqual(['response.created', 'response.completed']);
    const id = events[0]?.type === 'response.created' ? events[0].response.id : '';
    expect(await Array.fromAsync(await client.responses.retrieve(id, { stream: true, starting_after: 4 }))).toEqual(events.slice(5));
  });

  test('tool calls are accumulated from a stream, and their outputs go on in the chain', async () => {
    const tools = [{ type: 'function' as const, strict: true, ...weather }];
    const calling = client.responses.stream({ model: 'gpt-5.5', input: 'call weather with {"city":"Rome"} then call weather with {"city":"Bern"}', tools });
    const response = await calling.finalResponse();
    const input = response.output.flatMap((item) =>
      item.type === 'function_call' ? [{ type: 'function_call_output' as const, call_id: item.call_id, output: 'sun' }] : [],
    );
    expect(input).toHaveLength(2);
    const next = await client.responses.create({ model: 'gpt-5.5', input, previous_response_id: response.id, tools });
    expect(next.output_text).toBe('The tool answered: sun | sun');
  });

  test('structured output, counting, compacting, and a background response that is cancelled', async () => {
    const filled = await client.responses.parse({
      model: 'gpt-5.5',
      input: 'fill',
      text: { format: { type: 'json_schema', name: 'person', strict: true, schema: person } },
    });
    expect(JSON.parse(filled.output_text)).toEqual({ name: 'sample', age: 18 });
    expect((await client.responses.inputTokens.count({ model: 'gpt-5.5', input: 'four words are here' })).input_tokens).toBe(4);
    expect((await client.responses.compact({ model: 'gpt-5.5', input: 'a long history' })).output.at(-1)).toMatchObject({ type: 'compaction' });
    const { id, status } = await client.responses.create({ model: 'gpt-5.5', input: 'never', background: true });
    expect(status).toBe('queued');
    expect((await client.responses.cancel(id)).status).toBe('cancelled');
    expect((await client.responses.retrieve(id)).status).toBe('cancelled');
  });

  test('conversations on two accounts each stay with the one that began them, by every route', async () => {
    const heads = await Promise.all([0, 1, 2, 3, 4, 5].map((n) => client.responses.create({ model: 'shared', input: `head ${n}` }).withResponse()));
    const owners = heads.map(({ response }) => response.headers.get('x-switchyard-account'));
    expect(new Set(owners)).toEqual(new Set(['left', 'right']));
    // Each upstream knows only what it made itself, so one request to the wrong account would fail.
    for (const [n, head] of heads.entries()) {
      let last = head.data.id;
      for (const word of ['second', 'third']) {
        const stream = client.responses.stream({ model: 'shared', input: word, previous_response_id: last });
        const response = await stream.finalResponse();
        expect(response).toMatchObject({ previous_response_id: last, output_text: `You said: ${word}` });
        last = response.id;
      }
      const read = await client.responses.retrieve(last).withResponse();
      expect(read.response.headers.get('x-switchyard-account')).toBe(owners[n]);
      expect((await client.responses.inputItems.list(head.data.id)).data).toMatchObject([{ content: [{ text: `head ${n}` }] }]);
      await client.responses.delete(last);
    }
    const requests = [...(await upstream.received()), ...(await second.received())];
    expect(requests).toHaveLength(6 * 6);
    expect(requests.filter(({ status }) => status !== 200)).toEqual([]);
  });

  test('a chain whose owner has forgotten it gets the owner’s own answer, and is tried nowhere else', async () => {
    const { data, response } = await client.responses.create({ model: 'shared', input: 'short memory' }).withResponse();
    await client.responses.delete(data.id);
    const [owner, other] = response.headers.get('x-switchyard-account') === 'left' ? [upstream, second] : [second, upstream];
    const before = await other.counters();
    await expect(client.responses.create({ model: 'shared', input: 'x', previous_response_id: data.id })).rejects.toMatchObject({
      status: 400,
      code: 'previous_response_not_found',
    });
    expect((await owner.received()).at(-1)).toMatchObject({ path: '/v1/responses', status: 400 });
    expect((await other.counters()).received).toBe(before.received);
  });
});

describe('leaving', () => {
  test('a stream that is left aborts the upstream and gives its slot back', async () => {
    await upstream.script({ rules: [{ answer: { hold: { at: 3 } } }] });
    const stream = await client.chat.completions.create({ model: 'gpt-5.5', messages: [user('a long story')], stream: true });
    for await (const chunk of stream) if (chunk.choices[0]?.delta.content === 'said: ') break;
    await until(
      () => upstream.counters(),
      ({ aborted }) => aborted === 1,
    );
    expect(await upstream.counters()).toMatchObject({ received: 1, open: 0, completed: 0, aborted: 1, cut: 0 });
    await until(
      () => server.metric('switchyard_upstream_in_flight'),
      (count) => count === 0,
    );
  });

  test('a question that is taken back before there is an answer aborts the upstream too', async () => {
    await upstream.script({ rules: [{ answer: { hold: { at: 'before_head' } } }] });
    const leaving = new AbortController();
    const asking = client.responses.create({ model: 'gpt-5.5', input: 'never mind' }, { signal: leaving.signal });
    const ending = asking.catch((error: unknown) => error);
    await until(
      () => upstream.counters(),
      ({ open }) => open === 1,
    );
    leaving.abort();
    expect(await ending).toBeInstanceOf(OpenAI.APIUserAbortError);
    await until(
      () => upstream.counters(),
      ({ aborted }) => aborted === 1,
    );
    await until(
      () => server.metric('switchyard_upstream_in_flight'),
      (count) => count === 0,
    );
  });

  test('a client whose own patience ends leaves nothing running either', async () => {
    await upstream.script({ rules: [{ answer: { hold: { at: 'before_head' } } }] });
    const impatient = client.withOptions({ timeout: 300, maxRetries: 0 });
    await expect(impatient.responses.create({ model: 'gpt-5.5', input: 'quick' })).rejects.toThrow(OpenAI.APIConnectionTimeoutError);
    await until(
      () => upstream.counters(),
      ({ open, received, aborted }) => received === 0 || (open === 0 && aborted === 1),
    );
    await until(
      () => server.metric('switchyard_upstream_in_flight'),
      (count) => count === 0,
    );
  });
});

describe('errors', () => {
  test.each(SDK_ERRORS)('the upstream’s %s is the class that the SDK has for it, asked for once', async (preset, errorClass) => {
    // An account of its own, for one that refuses for its quota is not asked again for a while.
    const name = `refuses-${preset}`;
    await link(name, upstream.url, [name]);
    await upstream.script({ rules: [{ times: 'always', answer: { preset } }] });
    const asked = client.chat.completions.create({ model: name, messages: [user('x')] }, { maxRetries: 0 });
    await expect(asked).rejects.toThrow(errorClass);
    expect((await upstream.counters()).received).toBe(1);
    expect((await server.admin(`/api/accounts/${name}`, { method: 'DELETE' })).status).toBe(200);
  });

  test('the SDK’s own retries reach the upstream, numbered, until one succeeds', async () => {
    const late = { 'retry-after-ms': '20' };
    await upstream.script({ rules: [{ answer: { preset: 'rate_limit_retry_after_ms' } }, { answer: { preset: '500', headers: late } }] });
    const answer = await client.chat.completions.create({ model: 'gpt-5.5', messages: [user('again')] });
    expect(answer.choices[0]?.message.content).toBe('You said: again');
    const received = await upstream.received();
    expect(received.map(({ status }) => status)).toEqual([429, 500, 200]);
    expect(received.map(({ headers }) => headers['x-stainless-retry-count'])).toEqual(['0', '1', '2']);
  });

  test('what no account can change is refused by us, in the SDK’s classes and with our request id', async () => {
    const unknown = await client.chat.completions.create({ model: 'no-such-model', messages: [user('x')] }).catch((error: unknown) => error);
    expect(unknown).toBeInstanceOf(OpenAI.NotFoundError);
    expect(unknown).toMatchObject({
      status: 404,
      code: 'model_not_found',
      param: 'model',
      type: 'invalid_request_error',
      requestID: expect.stringMatching(/^req_/),
    });
    expect((await upstream.counters()).received).toBe(0);

    const silent = await client.responses.create({ model: 'unreachable', input: 'x' }, { maxRetries: 0 }).catch((error: unknown) => error);
    expect(silent).toBeInstanceOf(OpenAI.InternalServerError);
    expect(silent).toMatchObject({ status: 502, code: 'upstream_unreachable' });

    await expect(client.post('/chat/completions', { body: { model: 'gpt-5.5', stream: 'yes', messages: [] } })).rejects.toMatchObject({
      status: 400,
      code: 'invalid_value',
      param: 'stream',
    });
  });

  test('a key that is revoked is an AuthenticationError from then on, and a wrong one was never anything else', async () => {
    const { id, key } = (await (await post('/api/keys', { name: 'short-lived' })).json()) as { id: string; key: string };
    const guest = client.withOptions({ apiKey: key });
    expect((await guest.models.list()).data.length).toBeGreaterThan(0);
    expect((await server.admin(`/api/keys/${id}`, { method: 'DELETE' })).status).toBe(200);
    await expect(guest.models.list()).rejects.toThrow(OpenAI.AuthenticationError);
    await expect(guest.chat.completions.create({ model: 'gpt-5.5', messages: [user('x')] })).rejects.toMatchObject({ code: 'invalid_api_key' });
    await expect(client.withOptions({ apiKey: 'sk-test-wrong-not-a-secret' }).models.list()).rejects.toThrow(OpenAI.AuthenticationError);
    expect((await upstream.counters()).received).toBe(0);
  });

  test('an error event late in a stream is an APIError', async () => {
    await upstream.script({ rules: [{ answer: { preset: 'error_event' } }, { answer: { preset: 'error_event' } }] });
    const chat = await client.chat.completions.create({ model: 'gpt-5.5', messages: [user('hi')], stream: true });
    await expect(Array.fromAsync(chat)).rejects.toThrow(OpenAI.APIError);
    const responses = await client.responses.create({ model: 'gpt-5.5', input: 'hi', stream: true });
    await expect(Array.fromAsync(responses)).rejects.toThrow(OpenAI.APIError);
  });

  test('a stream that the upstream breaks off breaks off here: no ending is made up, and no other account is asked', async () => {
    const cut = { rules: [{ times: 'always', answer: { cut: { at: { units: 5 } } } }] };
    await Promise.all([upstream.script(cut), second.script(cut)]);
    const seen: string[] = [];
    const reading = (async () => {
      const stream = await client.responses.create({ model: 'shared', input: 'half a story', stream: true });
      for await (const event of stream) seen.push(event.type);
    })();
    await expect(reading).rejects.toThrow();
    expect(seen).toEqual([
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.content_part.added',
      'response.output_text.delta',
    ]);
    expect((await upstream.counters()).received + (await second.counters()).received).toBe(1);
  });
});

describe('the rest of /v1', () => {
  test('models are those of all accounts, each to be found by name', async () => {
    const names = (await Array.fromAsync(client.models.list())).map(({ id }) => id);
    expect(names).toEqual(['gpt-5.5', 'gpt-5.5-mini', 'sandbox', 'shared', 'text-embedding-3-small', 'unreachable']);
    expect(await client.models.retrieve('shared')).toMatchObject({ id: 'shared', object: 'model' });
    await expect(client.models.retrieve('other')).rejects.toThrow(OpenAI.NotFoundError);
  });

  test('embeddings: the base64 that the SDK asks for arrives and decodes to the floats', async () => {
    const asked = await client.embeddings.create({ model: 'text-embedding-3-small', input: ['same', 'other'], dimensions: 8 });
    const floats = await client.embeddings.create({ model: 'text-embedding-3-small', input: 'same', dimensions: 8, encoding_format: 'float' });
    expect((await upstream.received())[0]?.body).toMatchObject({ encoding_format: 'base64' });
    expect(asked.data[0]?.embedding).toEqual(floats.data[0]?.embedding);
    expect(asked.data[1]?.embedding).not.toEqual(floats.data[0]?.embedding);
  });

  test('an uploaded file reaches an account byte for byte, whatever is in it', async () => {
    await upstream.script({ rules: [{ match: { path: '/v1/files' }, answer: { body: { id: 'file_1', object: 'file' } } }] });
    await second.script({ rules: [{ match: { path: '/v1/files' }, answer: { body: { id: 'file_1', object: 'file' } } }] });
    const sent: string[] = [];
    const recording = client.withOptions({
      fetch: async (url, init) => {
        if (init?.method !== 'POST') return fetch(url as string, init as RequestInit); // the SDK looks first whether fetch knows FormData
        // Turned into bytes here, so that what leaves is known, boundary and all.
        const { headers, body } = new Request(url, init as RequestInit);
        const bytes = await new Response(body).bytes();
        sent.push(createHash('sha256').update(bytes).digest('hex'));
        return fetch(url as string, { method: 'POST', headers, body: bytes });
      },
    });
    const everyByte = Uint8Array.from({ length: 70_000 }, (_, i) => (i * 31 + (i >> 8)) & 0xff);
    const file = await recording.files.create({ purpose: 'user_data', file: new File([everyByte], 'every byte.bin') }, { maxRetries: 0 });
    expect(file.id).toBe('file_1');
    const [received] = [...(await upstream.received()), ...(await second.received())];
    expect(received).toMatchObject({ method: 'POST', path: '/v1/files', bodySha256: sent[0] });
    expect(received?.headers['content-type']).toMatch(/^multipart\/form-data; boundary=/);
  });

  test('bytes that are no text come back as they were', async () => {
    const sound = Buffer.from(Uint8Array.from({ length: 5_000 }, (_, i) => (i * 7) & 0xff));
    const answer = {
      headers: { 'content-type': 'audio/mpeg' },
      chunks: [sound.subarray(0, 1_234).toString('base64'), sound.subarray(1_234).toString('base64')],
    };
    await upstream.script({ rules: [{ match: { path: '/v1/audio/speech' }, answer }] });
    const response = await client.audio.speech.create({ model: 'gpt-5.5-mini', voice: 'alloy', input: 'read this' });
    expect(response.headers.get('content-type')).toBe('audio/mpeg');
    expect(Buffer.from(await response.arrayBuffer()).equals(sound)).toBe(true);
  });
});
