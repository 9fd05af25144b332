import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { RequestHead } from '../edge/read-head.ts';
import { SURFACES } from '../routes.ts';
import { readFrame } from './read-frame.ts';
import { spliceTurn } from './splice-turn.ts';

const surface = SURFACES.find(({ name }) => name === 'responses.socket')!;
const read = async (text: string) => (await readFrame(Buffer.from(text), surface, { turnState: null, session: null } as RequestHead, false)).turn!;

test.each([
  ['no metadata', ' {"type":"response.create","model":"m"}', ' {"client_metadata":{"x-codex-turn-state":"a\\"b"},"type":"response.create","model":"m"}'],
  [
    'metadata',
    '{"model":"m", "client_metadata" : {"thread_id":"t"},"type":"response.create"}',
    '{"model":"m", "client_metadata" : {"x-codex-turn-state":"a\\"b","thread_id":"t"},"type":"response.create"}',
  ],
  [
    'empty metadata',
    '{"client_metadata":{ \n},"model":"m","type":"response.create"}',
    '{"client_metadata":{"x-codex-turn-state":"a\\"b" \n},"model":"m","type":"response.create"}',
  ],
  [
    'metadata that is null',
    '{"client_metadata":null,"model":"m","type":"response.create"}',
    '{"client_metadata":{"x-codex-turn-state":"a\\"b"},"model":"m","type":"response.create"}',
  ],
])('a turn state is put into a frame with %s', async (_what, frame, expected) => {
  expect(spliceTurn(await read(frame), null, 'a"b').toString()).toBe(expected);
});

test.each([
  '{"client_metadata":"text","model":"m","type":"response.create"}',
  '{"client_metadata":{"x-codex-turn-state":""},"model":"m","type":"response.create"}',
  `{"client_metadata":{"x":"${'y'.repeat(70_000)}"},"model":"m","type":"response.create"}`,
])('a frame that has no place for one stays as it is', async (frame) => {
  expect(spliceTurn(await read(frame), null, 'state').toString()).toBe(frame);
});

test('of a frame with another model and a state everything else is what it was', async () => {
  const member = fc.tuple(
    fc.string().filter((key) => !['model', 'type', 'client_metadata'].includes(key) && key.length > 3),
    fc.jsonValue(),
  );
  const metadata = fc.option(fc.dictionary(fc.string(), fc.string()), { nil: undefined });
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(member, { selector: ([key]) => key }), metadata, fc.nat(2), fc.string(), async (members, held, indent, state) => {
      const others = Object.fromEntries(members.filter(([key]) => key !== '__proto__'));
      const frame = { ...others, ...(held === undefined ? {} : { client_metadata: held }), model: 'm', type: 'response.create' };
      const spliced = spliceTurn(await read(JSON.stringify(frame, null, indent)), 'other', state);
      // As JSON has it: it knows no -0.
      const expected: unknown = JSON.parse(JSON.stringify({ ...frame, model: 'other', client_metadata: { ...held, 'x-codex-turn-state': state } }));
      expect(JSON.parse(spliced.toString())).toEqual(expected);
    }),
    { numRuns: 200 },
  );
});
