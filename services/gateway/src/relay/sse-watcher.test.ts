import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fingerprintOf } from '../bindings/json-members.ts';
import { SseWatcher } from './sse-watcher.ts';
import type { WatchKind } from './sse-watcher.ts';

/** Feeds a text in pieces cut at the given places; tells where in the text the watcher saw the terminal event begin. */
function watch(kind: WatchKind, text: Buffer, cuts: readonly number[]): { watcher: SseWatcher; terminalAt: number } {
  const watcher = new SseWatcher(kind, kind === 'responses');
  const edges = [...new Set([0, ...cuts, text.length])].sort((a, b) => a - b);
  let terminalAt = -1;
  for (let i = 1; i < edges.length; i++) {
    const at = watcher.push(Buffer.from(text.subarray(edges[i - 1], edges[i])));
    if (at !== -1 && terminalAt === -1) terminalAt = edges[i - 1]! + at;
  }
  return { watcher, terminalAt };
}

const usage = {
  input_tokens: 7,
  input_tokens_details: { cached_tokens: 2 },
  output_tokens: 5,
  output_tokens_details: { reasoning_tokens: 1 },
  total_tokens: 12,
};

function responsesStream(newline: string, named: boolean, deltas: readonly string[], end: string): { text: Buffer; begin: number } {
  const event = (type: string, body: object): string =>
    `${named ? `event: ${type}${newline}` : ''}data: ${JSON.stringify({ type, ...body })}${newline}${newline}`;
  const before =
    event('response.created', { response: { id: 'resp_abc', output: [] } }) + deltas.map((delta) => event('response.output_text.delta', { delta })).join('');
  return { text: Buffer.from(before + event(`response.${end}`, { response: { id: 'resp_abc', output: deltas, usage } })), begin: Buffer.byteLength(before) };
}

const nasty = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 30 }),
  fc.constantFrom('event: response.completed', '"type":"response.completed"', 'data: [DONE]', '\n\n', '\r', '"usage":{"input_tokens":99}'),
);

test('the terminal event, the id and usage of a responses stream are found in any chunking, and never earlier', () => {
  fc.assert(
    fc.property(
      fc
        .tuple(fc.constantFrom('\n', '\r\n', '\r'), fc.boolean(), fc.array(nasty, { maxLength: 6 }), fc.constantFrom('completed', 'failed', 'incomplete'))
        .chain(([newline, named, deltas, end]) => {
          const { text, begin } = responsesStream(newline, named, deltas, end);
          return fc.tuple(
            fc.constant(text),
            fc.constant(begin),
            fc.oneof(fc.array(fc.nat(text.length), { maxLength: 12 }), fc.constant(Array.from(text.keys()))),
          );
        }),
      ([text, begin, cuts]) => {
        const { watcher, terminalAt } = watch('responses', text, cuts);
        expect(watcher.responseId).toBe('resp_abc');
        // Bytes of the terminal line's head may pass before it is known for what it is; the event itself never does.
        expect(terminalAt).toBeGreaterThanOrEqual(begin);
        expect(terminalAt).toBeLessThan(begin + 48);
        expect(watcher.usage()).toEqual({ inputTokens: 7, outputTokens: 5, cachedTokens: 2, reasoningTokens: 1 });
      },
    ),
    { numRuns: 3_000 },
  );
});

test('[DONE] and the usage event of a chat stream are found in any chunking', () => {
  const chunk = (body: object): string => `data: ${JSON.stringify({ id: 'chatcmpl-1', object: 'chat.completion.chunk', ...body })}\n\n`;
  fc.assert(
    fc.property(
      fc.array(nasty, { maxLength: 6 }).chain((deltas) => {
        const text = Buffer.from(
          deltas.map((content) => chunk({ choices: [{ index: 0, delta: { content } }], usage: null })).join('') +
            chunk({ choices: [], usage: { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7, prompt_tokens_details: { cached_tokens: 0 } } }) +
            'data: [DONE]\n\n',
        );
        return fc.tuple(fc.constant(text), fc.oneof(fc.array(fc.nat(text.length), { maxLength: 12 }), fc.constant(Array.from(text.keys()))));
      }),
      ([text, cuts]) => {
        const { watcher, terminalAt } = watch('chat', text, cuts);
        expect(terminalAt).toBeGreaterThanOrEqual(text.length - 'data: [DONE]\n\n'.length);
        // All that comes behind it belongs to the end.
        expect(watcher.push(Buffer.from(': bye\n\n'))).toBe(0);
        expect(watcher.usage()).toEqual({ inputTokens: 3, outputTokens: 4, cachedTokens: 0, reasoningTokens: null });
      },
    ),
    { numRuns: 3_000 },
  );
});

test('usage that the upstream did not tell is unknown, not zero', () => {
  const { watcher } = watch('chat', Buffer.from('data: {"choices":[]}\n\ndata: [DONE]\n\n'), []);
  expect(watcher.usage()).toBeNull();
});

test('an id behind a long first event is still found', () => {
  const text = Buffer.from(`data: ${JSON.stringify({ type: 'response.created', response: { instructions: 'x'.repeat(50_000), id: 'resp_late' } })}\n\n`);
  expect(watch('responses', text, [10, 30_000]).watcher.responseId).toBe('resp_late');
});

const callId = fc.stringMatching(/^call_[a-z0-9]{1,12}$/);
const doneItem = fc.oneof(
  fc.record({ type: fc.constantFrom('function_call', 'custom_tool_call'), name: fc.constant('shell'), call_id: callId, arguments: nasty }),
  fc.record({
    type: fc.constant('reasoning'),
    summary: fc.array(nasty, { maxLength: 2 }),
    encrypted_content: fc.base64String({ minLength: 4, maxLength: 300 }),
  }),
  fc.record({ type: fc.constant('message'), content: nasty }),
  fc.record({ type: fc.constant('compaction'), encrypted_content: fc.base64String({ minLength: 4, maxLength: 300 }) }),
);

test('calls, a compaction and the last encrypted item of a stream are found in any chunking, whatever its texts look like', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('\n', '\r\n', '\r'),
      fc.boolean(),
      fc.array(doneItem, { maxLength: 8 }),
      fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 }),
      (newline, named, items, cuts) => {
        const event = (type: string, body: object): string =>
          `${named ? `event: ${type}${newline}` : ''}data: ${JSON.stringify({ type, ...body })}${newline}${newline}`;
        const text = Buffer.from(
          event('response.created', { response: { id: 'resp_1' } }) +
            items
              .map((item, n) => {
                const added = event('response.output_item.added', { output_index: n, item: { ...item, call_id: 'call_added', encrypted_content: 'added' } });
                return (
                  added + event('response.output_text.delta', { delta: JSON.stringify(item) }) + event('response.output_item.done', { output_index: n, item })
                );
              })
              .join('') +
            event('response.completed', { response: { id: 'resp_1', output: [], usage } }),
        );
        const { watcher } = watch(
          'responses',
          text,
          cuts.map((part) => Math.floor(part * text.length)),
        );
        const sealed = items.findLast((item) => 'encrypted_content' in item);
        expect(watcher.facts()).toEqual({
          responseId: 'resp_1',
          calls: items.flatMap((item) => ('call_id' in item ? [item.call_id] : [])),
          encrypted: sealed === undefined ? null : fingerprintOf(Buffer.from(JSON.stringify(sealed))),
          isCompaction: items.some(({ type }) => type === 'compaction'),
        });
      },
    ),
    { numRuns: 2_000 },
  );
});

test('the data of every event that tells of a quota is handed over whole, in any chunking, and nothing else is', () => {
  const told = { type: 'codex.rate_limits', plan_type: 'plus', rate_limits: { primary: { used_percent: 55, window_minutes: 300, reset_at: 1_893_456_000 } } };
  fc.assert(
    fc.property(
      fc.constantFrom('\n', '\r\n', '\r'),
      fc.boolean(),
      fc.array(fc.oneof(nasty, fc.constant(null)), { maxLength: 5 }),
      fc.array(fc.nat(2_000), { maxLength: 12 }),
      fc.boolean(),
      (newline, named, deltas, cuts, bytewise) => {
        const event = (body: { readonly type: string }): string =>
          `${named ? `event: ${body.type}${newline}` : ''}data: ${JSON.stringify(body)}${newline}${newline}`;
        const text = Buffer.from(
          deltas.map((delta) => event(delta === null ? told : ({ type: 'response.output_text.delta', delta } as { readonly type: string }))).join('') +
            event({ type: 'response.completed' }),
        );
        const seen: string[] = [];
        const watcher = new SseWatcher('responses', false, { sawQuota: (json) => void seen.push(json) });
        const edges = [...new Set([0, ...(bytewise ? text.keys() : cuts.filter((cut) => cut < text.length)), text.length])].sort((a, b) => a - b);
        for (let i = 1; i < edges.length; i++) watcher.push(Buffer.from(text.subarray(edges[i - 1], edges[i])));
        expect(seen.map((json) => JSON.parse(json) as unknown)).toEqual(deltas.filter((delta) => delta === null).map(() => told));
      },
    ),
  );
});

test('an event that tells of a quota and does not end is cut off, and the stream goes on', () => {
  const seen: string[] = [];
  const watcher = new SseWatcher('responses', false, { sawQuota: (json) => void seen.push(json) });
  watcher.push(Buffer.from('data: {"type":"codex.rate_limits","x":"'));
  for (let i = 0; i < 40; i++) watcher.push(Buffer.alloc(1_024, 0x61));
  expect(watcher.push(Buffer.from('"}\n\ndata: {"type":"response.completed"}\n\n'))).toBe(4);
  expect(seen.map((json) => json.length)).toEqual([16_384 - 6]);
});
