import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fingerprintOf } from '../bindings/json-members.ts';
import { LAST_ITEMS, inputClaims } from './input-claims.ts';
import { JsonScanner } from './json-scanner.ts';

/** Reads a body in pieces as the intake does. */
function claimsIn(body: Buffer, cuts: readonly number[]): ReturnType<typeof inputClaims> {
  const scanner = new JsonScanner(new Set(['input']), false, { field: 'input', last: LAST_ITEMS });
  const edges = [...new Set([0, ...cuts, body.length])].sort((a, b) => a - b);
  for (let i = 1; i < edges.length; i++) scanner.push(body.subarray(edges[i - 1], edges[i]));
  scanner.end();
  const span = scanner.fields.get('input')!;
  return inputClaims(
    body.subarray(span.start, span.end),
    scanner.lastElements().map((at) => at - span.start),
  );
}

type Item = Readonly<Record<string, unknown>>;

/** The same by parsing all of it. */
function expected(input: readonly Item[]): ReturnType<typeof inputClaims> {
  const last = input.slice(-LAST_ITEMS);
  const from = last.findLastIndex(({ type, call_id: call }) => !String(type).endsWith('_call_output') || typeof call !== 'string') + 1;
  const calls = last.slice(from).map(({ call_id: call }) => call as string);
  const encrypted = input.findLast((item) => typeof item['encrypted_content'] === 'string' && item['encrypted_content'] !== '')?.['encrypted_content'];
  return {
    isFollowUp: encrypted !== undefined && input.some(({ type }) => type === 'compaction'),
    isCompact: input.at(-1)?.['type'] === 'compaction_trigger',
    calls: calls.length === 0 ? null : calls,
    encrypted: encrypted === undefined ? null : fingerprintOf(Buffer.from(JSON.stringify({ encrypted_content: encrypted }))),
  };
}

const base64 = fc.base64String({ minLength: 4, maxLength: 400 });
// Texts that look like what is searched for.
const nasty = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.constantFrom('"type":"function_call_output","call_id":"call_fake"', '{"encrypted_content":"fake"}', '\\"call_id\\":\\"x\\"', 'x'.repeat(3_000)),
  fc.constantFrom('{"type":"compaction"}', '"type":"compaction_trigger"', '"file_id":"file-fake"'),
  fc.string({ maxLength: 10 }).map((text) => JSON.stringify({ encrypted_content: text, call_id: text, type: 'custom_tool_call_output' })),
);
const id = fc.stringMatching(/^[A-Za-z0-9_-]{1,40}$/);
const item: fc.Arbitrary<Item> = fc.oneof(
  fc.record({ type: fc.constantFrom('function_call_output', 'custom_tool_call_output'), id: fc.constant('fco'), call_id: id, output: nasty }),
  fc.record({
    call_id: id,
    output: fc.array(fc.record({ type: fc.constant('input_text'), text: nasty }), { maxLength: 2 }),
    type: fc.constant('function_call_output'),
  }),
  fc.record({ type: fc.constant('message'), role: fc.constant('user'), content: nasty }),
  fc.record({ type: fc.constant('function_call'), name: id, call_id: id, arguments: nasty }),
  fc.record({ type: fc.constant('compaction'), encrypted_content: base64 }),
  fc.record({ type: fc.constant('compaction_trigger') }),
  fc.record({ content: nasty, type: fc.constant('input_file'), file_id: id }),
  fc.record({ type: fc.constant('reasoning'), summary: fc.array(nasty, { maxLength: 2 }), encrypted_content: fc.oneof(base64, fc.constant(null)) }),
);
const input = fc.array(item, { maxLength: 24 });

test('calls, compactions and encrypted items are found as a parser finds them, in any chunking, whatever texts look like', () => {
  fc.assert(
    fc.property(
      input,
      fc.constantFrom(undefined, 1, '\t'),
      fc.boolean(),
      fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 8 }),
      (items, indent, first, cuts) => {
        const text = Buffer.from(
          JSON.stringify(first ? { input: items, model: 'm', tools: [{ type: 'x' }] } : { model: 'm', x: [[1], 2], input: items }, null, indent),
        );
        expect(
          claimsIn(
            text,
            cuts.map((part) => Math.floor(part * text.length)),
          ),
        ).toEqual(expected(items));
      },
    ),
    { numRuns: 2_000 },
  );
});

test('an encrypted item is recognised whatever stands around it, and another of the same length and ends is told apart only in its middle', () => {
  const sealed = `gAAAA${'x'.repeat(500)}${'y'.repeat(96)}`;
  const alone = fingerprintOf(Buffer.from(JSON.stringify({ encrypted_content: sealed })));
  expect(fingerprintOf(Buffer.from(JSON.stringify([{ a: 1 }, { type: 'reasoning', encrypted_content: sealed, id: 'rs' }], null, 2)))).toBe(alone);
  expect(fingerprintOf(Buffer.from(JSON.stringify({ encrypted_content: `${sealed}z` })))).not.toBe(alone);
  expect(fingerprintOf(Buffer.from('{"encrypted_content":null}'))).toBeNull();
});
