import OpenAI from 'openai';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Simulator } from './open-simulator.ts';
import { openSimulator } from './open-simulator.ts';
import { SDK_ERRORS } from './sdk-errors.ts';

let simulator: Simulator;
let client: OpenAI;

beforeEach(async () => {
  simulator = await openSimulator({ mode: 'scriptable' });
  client = new OpenAI({ apiKey: 'sk-test-sdk-not-a-secret', baseURL: `${simulator.url}/v1` });
});
afterEach(() => simulator[Symbol.asyncDispose]());

const weather = { name: 'weather', parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] } };
const chatTools = [{ type: 'function' as const, function: weather }];
const flatTools = [{ type: 'function' as const, strict: true, ...weather }];
const user = (content: string): OpenAI.ChatCompletionMessageParam => ({ role: 'user', content });

describe('chat completions, as the openai SDK sees them', () => {
  test('a question is answered with usage that adds up', async () => {
    const answer = await client.chat.completions.create({ model: 'gpt-5.5', messages: [user('three small words')] });
    expect(answer.choices[0]?.message.content).toBe('You said: three small words');
    expect(answer.choices[0]?.finish_reason).toBe('stop');
    expect(answer.usage).toMatchObject({ prompt_tokens: 3, completion_tokens: 6, total_tokens: 9 });
    expect(answer._request_id).toMatch(/^req_/);
  });

  test('a stream begins with the role, joins to the unary text and counts tokens only when asked', async () => {
    const told = [];
    for await (const chunk of await client.chat.completions.create({
      model: 'gpt-5.5',
      messages: [user('hi there')],
      stream: true,
      stream_options: { include_usage: true },
    }))
      told.push(chunk);
    expect(told[0]?.choices[0]?.delta).toMatchObject({ role: 'assistant', content: '' });
    expect(told.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('')).toBe('You said: hi there');
    expect(told.filter((chunk) => chunk.choices[0]?.finish_reason != null)).toHaveLength(1);
    expect(told.at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens: 2, total_tokens: 7 } });
    expect(told.slice(0, -1).every((chunk) => chunk.usage === null)).toBe(true);

    for await (const chunk of await client.chat.completions.create({ model: 'gpt-5.5', messages: [user('hi')], stream: true }))
      expect('usage' in chunk).toBe(false);
  });

  test('two tools asked for are called in parallel, and their outputs lead to a text', async () => {
    const messages = [user('call weather with {"city":"Paris"} and call weather with {"city":"Oslo"}')];
    const stream = client.chat.completions.stream({ model: 'gpt-5.5', messages, tools: chatTools });
    const completion = await stream.finalChatCompletion();
    const choice = completion.choices[0];
    expect(choice?.finish_reason).toBe('tool_calls');
    const calls = choice?.message.tool_calls ?? [];
    expect(calls.map((call) => call.type === 'function' && call.function.arguments)).toEqual(['{"city":"Paris"}', '{"city":"Oslo"}']);
    expect(new Set(calls.map(({ id }) => id)).size).toBe(2);

    const outputs = calls.map(({ id }): OpenAI.ChatCompletionMessageParam => ({ role: 'tool', tool_call_id: id, content: 'rain' }));
    const next = await client.chat.completions.create({
      model: 'gpt-5.5',
      messages: [...messages, { role: 'assistant', content: null, tool_calls: calls }, ...outputs],
      tools: chatTools,
    });
    expect(next.choices[0]?.message.content).toBe('The tool answered: rain | rain');
  });

  test('without parallel calls, and when a tool is required, there is exactly one call with valid arguments', async () => {
    const single = await client.chat.completions.create({
      model: 'gpt-5.5',
      messages: [user('call weather call weather')],
      tools: chatTools,
      parallel_tool_calls: false,
    });
    expect(single.choices[0]?.message.tool_calls).toHaveLength(1);
    const forced = await client.chat.completions.create({ model: 'gpt-5.5', messages: [user('anything')], tools: chatTools, tool_choice: 'required' });
    const call = forced.choices[0]?.message.tool_calls?.[0];
    expect(call?.type === 'function' && JSON.parse(call.function.arguments)).toEqual({ city: 'sample' });
    const none = await client.chat.completions.create({ model: 'gpt-5.5', messages: [user('call weather')], tools: chatTools, tool_choice: 'none' });
    expect(none.choices[0]?.message.tool_calls).toBeUndefined();
  });

  test('a JSON schema is filled with a value that satisfies it', async () => {
    const schema = {
      type: 'object',
      properties: { name: { type: 'string' }, age: { type: 'integer', minimum: 18 }, tags: { type: 'array', items: { enum: ['a', 'b'] }, minItems: 1 } },
      required: ['name', 'age', 'tags'],
      additionalProperties: false,
    };
    const answer = await client.chat.completions.parse({
      model: 'gpt-5.5',
      messages: [user('fill')],
      response_format: { type: 'json_schema', json_schema: { name: 'person', strict: true, schema } },
    });
    expect(JSON.parse(answer.choices[0]?.message.content ?? '')).toEqual({ name: 'sample', age: 18, tags: ['a'] });
  });

  test('n answers, and a text cut by max_completion_tokens', async () => {
    const many = await client.chat.completions.create({ model: 'gpt-5.5', messages: [user('hi')], n: 3 });
    expect(many.choices.map(({ index }) => index)).toEqual([0, 1, 2]);
    const short = await client.chat.completions.create({ model: 'gpt-5.5', messages: [user('one two three')], max_completion_tokens: 3 });
    expect(short.choices[0]).toMatchObject({ finish_reason: 'length', message: { content: 'You said:' } });
    expect(short.usage?.completion_tokens).toBe(3);
  });

  test('leaving a stream counts as one abort', async () => {
    simulator.script({ rules: [{ answer: { hold: { at: 3 } } }] });
    const stream = await client.chat.completions.create({ model: 'gpt-5.5', messages: [user('a long story')], stream: true });
    for await (const chunk of stream) if (chunk.choices[0]?.delta.content === 'said: ') break;
    await simulator.until(({ aborted }) => aborted === 1);
    expect(simulator.counters()).toMatchObject({ received: 1, open: 0, completed: 0, aborted: 1, cut: 0 });
    expect(simulator.received()[0]?.outcome).toBe('aborted_by_client');
  });

  test('a late error chunk is an APIError', async () => {
    simulator.script({ rules: [{ answer: { preset: 'error_event' } }] });
    const stream = await client.chat.completions.create({ model: 'gpt-5.5', messages: [user('hi')], stream: true });
    await expect(Array.fromAsync(stream)).rejects.toThrow(OpenAI.APIError);
  });
});

describe('responses, as the openai SDK sees them', () => {
  test('a unary response, its chain, its input items and its deletion', async () => {
    const first = await client.responses.create({ model: 'gpt-5.5', input: 'remember me' });
    expect(first).toMatchObject({ status: 'completed', output_text: 'You said: remember me', usage: { total_tokens: 7 } });
    const second = await client.responses.create({ model: 'gpt-5.5', input: 'and me', previous_response_id: first.id });
    expect(second.usage?.input_tokens).toBeGreaterThan(first.usage?.input_tokens ?? 0);
    expect((await client.responses.retrieve(first.id)).output_text).toBe('You said: remember me');
    const items = await Array.fromAsync(client.responses.inputItems.list(first.id));
    expect(items).toMatchObject([{ type: 'message', role: 'user', content: [{ text: 'remember me' }] }]);
    await client.responses.delete(first.id);
    await expect(client.responses.retrieve(first.id)).rejects.toThrow(OpenAI.NotFoundError);
    await expect(client.responses.create({ model: 'gpt-5.5', input: 'x', previous_response_id: first.id })).rejects.toMatchObject({
      status: 400,
      code: 'previous_response_not_found',
    });
  });

  test('input items are paged', async () => {
    const input = [1, 2, 3, 4, 5].map((number) => ({ role: 'user' as const, content: `message ${number}` }));
    const { id } = await client.responses.create({ model: 'gpt-5.5', input });
    const page = await client.responses.inputItems.list(id, { limit: 2, order: 'asc' });
    expect(page.has_more).toBe(true);
    expect(await Array.fromAsync(page)).toHaveLength(5);
  });

  test('a stream keeps the order of events and numbers them without a gap', async () => {
    const events = await Array.fromAsync(await client.responses.create({ model: 'gpt-5.5', input: 'hi you', stream: true }));
    expect(events.map(({ type }) => type)).toEqual([
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.content_part.added',
      'response.output_text.delta',
      'response.output_text.delta',
      'response.output_text.delta',
      'response.output_text.delta',
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.completed',
    ]);
    expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, index) => index));
  });

  test('a stored stream is told again from where it was left', async () => {
    const events = await Array.fromAsync(await client.responses.create({ model: 'gpt-5.5', input: 'hi', stream: true }));
    const created = events[0];
    const id = created?.type === 'response.created' ? created.response.id : '';
    const again = await Array.fromAsync(await client.responses.retrieve(id, { stream: true, starting_after: 4 }));
    expect(again).toEqual(events.slice(5));
  });

  test("the SDK's own accumulator agrees on text and tool calls", async () => {
    const text = client.responses.stream({ model: 'gpt-5.5', input: 'hello' });
    expect((await text.finalResponse()).output_text).toBe('You said: hello');
    const calling = client.responses.stream({
      model: 'gpt-5.5',
      input: 'call weather with {"city":"Rome"} then call weather with {"city":"Bern"}',
      tools: flatTools,
    });
    const response = await calling.finalResponse();
    expect(response.output.map((item) => item.type === 'function_call' && item.arguments)).toEqual(['{"city":"Rome"}', '{"city":"Bern"}']);
    const outputs = response.output.flatMap((item) =>
      item.type === 'function_call' ? [{ type: 'function_call_output' as const, call_id: item.call_id, output: 'sun' }] : [],
    );
    const next = await client.responses.create({ model: 'gpt-5.5', input: outputs, previous_response_id: response.id, tools: flatTools });
    expect(next.output_text).toBe('The tool answered: sun | sun');
  });

  test('reasoning, refusal and custom tool calls are told as their own items', async () => {
    simulator.script({
      rules: [
        { answer: { say: { reasoning: 'think first', text: ['a', 'b'], calls: [{ name: 'apply_patch', input: '*** Begin' }] } } },
        { answer: { say: { refusal: 'no' } } },
      ],
    });
    const body = { model: 'gpt-5.5', input: 'x', include: ['reasoning.encrypted_content' as const] };
    const told = await client.responses.stream(body).finalResponse();
    expect(told.output.map(({ type }) => type)).toEqual(['reasoning', 'message', 'custom_tool_call']);
    expect(told.output[0]).toMatchObject({ encrypted_content: expect.stringMatching(/^sealed_/) });
    const refused = await client.responses.stream(body).finalResponse();
    expect(refused.output[0]).toMatchObject({ content: [{ type: 'refusal', refusal: 'no' }] });
  });

  test('a background response waits, completes when fetched, and can be cancelled before', async () => {
    const first = await client.responses.create({ model: 'gpt-5.5', input: 'later', background: true });
    expect(first.status).toBe('queued');
    expect((await client.responses.retrieve(first.id)).status).toBe('completed');
    const second = await client.responses.create({ model: 'gpt-5.5', input: 'never', background: true });
    expect((await client.responses.cancel(second.id)).status).toBe('cancelled');
    expect((await client.responses.retrieve(second.id)).status).toBe('cancelled');
    const plain = await client.responses.create({ model: 'gpt-5.5', input: 'now' });
    await expect(client.responses.cancel(plain.id)).rejects.toThrow(OpenAI.BadRequestError);
  });

  test('counting and compacting', async () => {
    const counted = await client.responses.inputTokens.count({ model: 'gpt-5.5', input: 'four words are here' });
    expect(counted.input_tokens).toBe(4);
    const compacted = await client.responses.compact({ model: 'gpt-5.5', input: 'a long history' });
    expect(compacted.output.at(-1)).toMatchObject({ type: 'compaction' });
    const next = await client.responses.create({
      model: 'gpt-5.5',
      input: [...(compacted.output as OpenAI.Responses.ResponseInputItem[]), { role: 'user', content: 'go on' }],
    });
    expect(next.output_text).toBe('You said: go on');
  });

  test('what one simulator sealed another refuses', async () => {
    await using other = await openSimulator({ mode: 'scriptable' });
    const compacted = await client.responses.compact({ model: 'gpt-5.5', input: 'a long history' });
    const elsewhere = new OpenAI({ apiKey: 'sk-test-sdk-not-a-secret', baseURL: `${other.url}/v1` });
    await expect(elsewhere.responses.create({ model: 'gpt-5.5', input: compacted.output as OpenAI.Responses.ResponseInputItem[] })).rejects.toMatchObject({
      code: 'invalid_encrypted_content',
    });
  });

  test('store:false is not found again', async () => {
    const { id } = await client.responses.create({ model: 'gpt-5.5', input: 'x', store: false });
    await expect(client.responses.retrieve(id)).rejects.toThrow(OpenAI.NotFoundError);
  });

  test('failed and incomplete responses keep their reasons', async () => {
    simulator.script({ rules: [{ answer: { preset: 'failed_server_is_overloaded' } }, { answer: { preset: 'incomplete_content_filter' } }] });
    expect(await client.responses.create({ model: 'gpt-5.5', input: 'x' })).toMatchObject({ status: 'failed', error: { code: 'server_is_overloaded' } });
    const events = await Array.fromAsync(await client.responses.create({ model: 'gpt-5.5', input: 'x', stream: true }));
    expect(events.at(-1)).toMatchObject({ type: 'response.incomplete', response: { incomplete_details: { reason: 'content_filter' } } });
  });
});

describe('the rest of the surface, as the openai SDK sees it', () => {
  test('legacy completions, unary and streamed', async () => {
    const answer = await client.completions.create({ model: 'gpt-5.5', prompt: ['one', 'two'] });
    expect(answer.choices.map(({ text }) => text)).toEqual(['You said: one', 'You said: two']);
    const chunks = await Array.fromAsync(await client.completions.create({ model: 'gpt-5.5', prompt: 'one', stream: true }));
    expect(chunks.map((chunk) => chunk.choices[0]?.text).join('')).toBe('You said: one');
  });

  test('embeddings: the base64 that the SDK asks for decodes to the floats', async () => {
    const asked = await client.embeddings.create({ model: 'text-embedding-3-small', input: ['same', 'same', 'other'], dimensions: 8 });
    const floats = await client.embeddings.create({ model: 'text-embedding-3-small', input: 'same', dimensions: 8, encoding_format: 'float' });
    expect(simulator.received()[0]?.body).toMatchObject({ encoding_format: 'base64' });
    expect(asked.data[0]?.embedding).toEqual(floats.data[0]?.embedding);
    expect(asked.data[1]?.embedding).toEqual(asked.data[0]?.embedding);
    expect(asked.data[2]?.embedding).not.toEqual(asked.data[0]?.embedding);
    expect(Math.hypot(...(floats.data[0]?.embedding ?? []))).toBeCloseTo(1, 5);
  });

  test('models are listed, found one by one, and refused when a list is set', async () => {
    expect((await Array.fromAsync(client.models.list())).map(({ id }) => id)).toContain('gpt-5.5');
    simulator.script({ models: ['only-this'] });
    expect((await client.models.retrieve('only-this')).object).toBe('model');
    await expect(client.models.retrieve('other')).rejects.toThrow(OpenAI.NotFoundError);
    await expect(client.responses.create({ model: 'other', input: 'x' })).rejects.toMatchObject({ status: 404, code: 'model_not_found' });
  });

  test.each(SDK_ERRORS)("the preset %s is the SDK's own error class", async (preset, errorClass) => {
    simulator.script({ rules: [{ times: 'always', answer: { preset } }] });
    await expect(client.models.list({ maxRetries: 0 })).rejects.toThrow(errorClass);
  });

  test('a 429 with retry-after-ms is tried again and says so in its headers', async () => {
    simulator.script({ rules: [{ times: 2, answer: { preset: 'rate_limit_retry_after_ms' } }] });
    const answer = await client.chat.completions.create({ model: 'gpt-5.5', messages: [user('again')] });
    expect(answer.choices[0]?.message.content).toBe('You said: again');
    expect(simulator.received().map(({ status }) => status)).toEqual([429, 429, 200]);
    expect(simulator.received().map(({ headers }) => headers['x-stainless-retry-count'])).toEqual(['0', '1', '2']);
  });

  test('only known keys are let in when keys are set, and their labels are recorded', async () => {
    simulator.script({ keys: { alpha: 'sk-test-sdk-not-a-secret' } });
    await client.models.list();
    await expect(client.withOptions({ apiKey: 'sk-test-other-not-a-secret' }).models.list()).rejects.toThrow(OpenAI.AuthenticationError);
    expect(simulator.received()[0]?.key).toBe('alpha');
    expect(simulator.received()[1]?.key).toMatch(/^sha256:[0-9a-f]{12}$/);
  });
});

describe('the sandbox', () => {
  test('answers names that begin with sandbox, lists one, and has nothing to steer', async () => {
    await using sandbox = await openSimulator({ mode: 'sandbox' });
    const newcomer = new OpenAI({ apiKey: 'sk-test-sdk-not-a-secret', baseURL: `${sandbox.url}/v1`, maxRetries: 0 });
    expect((await newcomer.models.list()).data.map(({ id }) => id)).toEqual(['sandbox']);
    const answer = await newcomer.chat.completions.create({ model: 'sandbox-anything', messages: [user('hello')] });
    expect(answer.choices[0]?.message.content).toBe('Hello from the Switchyard sandbox, where no real model answers. You said: hello');
    await expect(newcomer.chat.completions.create({ model: 'gpt-5.5', messages: [user('hello')] })).rejects.toMatchObject({
      status: 404,
      code: 'model_not_found',
    });
    expect((await fetch(`${sandbox.url}/_control/counters`)).status).toBe(404);
  });
});
