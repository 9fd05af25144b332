import { expect, test } from 'vitest';
import type { RequestHead } from '../edge/read-head.ts';
import { SURFACES } from '../routes.ts';
import { readFrame } from './read-frame.ts';

const surface = SURFACES.find(({ name }) => name === 'responses.socket')!;
const head = { turnState: 'of another turn', session: 't1' } as RequestHead;
const read = (value: unknown) => readFrame(Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)), surface, head, true);

test('a turn says its model, what it continues, and the state that it belongs to', async () => {
  const create = { type: 'response.create', model: 'm', previous_response_id: 'resp_1', store: false, client_metadata: { 'x-codex-turn-state': 'one' } };
  expect(await read(create)).toMatchObject({
    type: 'response.create',
    turn: { model: 'm', claims: { previousResponse: 'resp_1', turnState: 'one', session: 't1' }, store: false, stream: true },
    turnState: 'one',
  });
  expect(await read({ type: 'response.create', model: 'm' })).toMatchObject({
    turn: { claims: { previousResponse: null, turnState: null }, store: true },
    turnState: null,
  });
});

test.each([
  ['{"type":"response.create","model":"m","generate":false}', true],
  ['{"type":"response.create","model":"m","generate":true}', false],
  ['{"type":"response.create","model":"m"}', false],
])('%s warms up: %s', async (text, isWarmUp) => {
  expect((await read(text)).turn?.frame?.isWarmUp).toBe(isWarmUp);
});

test('any other frame is told by its type alone', async () => {
  expect(await read({ type: 'response.interrupt', model: 7 })).toEqual({ type: 'response.interrupt', turn: null, turnState: null });
});

test('a frame larger than a slice is read like any other', async () => {
  const input = 'é'.repeat(400_000);
  expect(await read({ type: 'response.create', input, model: 'm' })).toMatchObject({ turn: { model: 'm' } });
});

test.each([
  ['', 'invalid_json'],
  ['{"type":"response.create"', 'invalid_json'],
  ['[]', 'invalid_json'],
  ['{}', 'missing_required_parameter'],
  ['{"type":1}', 'missing_required_parameter'],
  ['{"type":"response.create"}', 'missing_required_parameter'],
  ['{"type":"response.interrupt","type":"response.create","model":"m"}', 'duplicate_parameter'],
  ['{"type":"response.create","model":"a","model":"b"}', 'duplicate_parameter'],
  ['{"type":"response.create","model":1}', 'invalid_value'],
  ['{"type":"response.create","model":"m","store":"no"}', 'invalid_value'],
])('%s is refused as %s', async (text, code) => {
  await expect(read(text)).rejects.toMatchObject({ code });
});
