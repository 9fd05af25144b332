import { expect, test } from 'vitest';
import { errorIn, frameType, isOutput, responseIdIn, turnStateIn } from './frame-facts.ts';

const frame = (value: unknown): Buffer => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));

test.each([
  ['{"type":"response.completed","response":{}}', 'response.completed'],
  ['{ "type": "codex.rate_limits" }', 'codex.rate_limits'],
  ['{"event_id":"e","type":"response.failed"}', 'response.failed'],
  ['{"text":"\\"type\\":\\"error\\"","type":"response.metadata"}', 'response.metadata'],
  ['{"response":{"type":"error"}}', ''],
  ['{"type":7}', ''],
  ['not JSON', ''],
  ['', ''],
])('%s is of type "%s"', (text, type) => {
  expect(frameType(frame(text))).toBe(type);
});

test('what only adds to an output is told by its first bytes, and nothing that ends a turn looks like it', () => {
  for (const type of ['response.output_text.delta', 'response.output_text.done']) expect([type, isOutput(frame({ type }))]).toEqual([type, true]);
  for (const type of [
    'response.completed',
    'response.failed',
    'response.incomplete',
    'response.created',
    'response.metadata',
    'response.output_item.done',
    'error',
    'codex.rate_limits',
  ])
    expect([type, isOutput(frame({ type }))]).toEqual([type, false]);
});

test('the id of a response is found wherever it stands, and taken only when it is one', () => {
  expect(responseIdIn(frame({ type: 'response.created', response: { id: 'resp_1' } }))).toBe('resp_1');
  expect(responseIdIn(frame({ type: 'response.created', response: { object: 'response', id: 'resp_2' } }))).toBe('resp_2');
  for (const id of [7, '', 'x'.repeat(257), 'a\nb', null]) expect(responseIdIn(frame({ type: 'response.created', response: { object: 'r', id } }))).toBeNull();
  expect(responseIdIn(frame({ type: 'response.created' }))).toBeNull();
});

test('a turn state is told by its header, however that is written', () => {
  expect(turnStateIn(frame({ type: 'response.metadata', headers: { 'X-Codex-Turn-State': 'one' } }))).toBe('one');
  expect(turnStateIn(frame({ type: 'response.metadata', headers: { 'openai-model': 'm' } }))).toBeNull();
  expect(turnStateIn(frame({ type: 'response.metadata' }))).toBeNull();
});

test('an error is told in the terms of HTTP', () => {
  const error = { code: 'slow_down', message: 'Slow.' };
  expect(errorIn(frame({ type: 'error', status: 503, headers: { 'Retry-After': '7', odd: 1 }, error }))).toEqual({
    status: 503,
    headers: { 'retry-after': '7' },
    body: frame({ error }),
  });
  expect(errorIn(frame({ type: 'error', status_code: 429, error })).status).toBe(429);
  expect(errorIn(frame({ type: 'response.failed', response: { error } }))).toEqual({ status: null, headers: {}, body: frame({ error }) });
  expect(errorIn(frame({ type: 'error', ...error, param: null }))).toEqual({ status: null, headers: {}, body: frame({ error }) });
  expect(errorIn(frame({ type: 'response.failed', response: null })).body).toEqual(frame({ error: null }));
  for (const status of [200, '429', 1_000]) expect(errorIn(frame({ type: 'error', status, error })).status).toBeNull();
});
