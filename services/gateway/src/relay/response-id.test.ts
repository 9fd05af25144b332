import { expect, test } from 'vitest';
import { responseIdOf } from './response-id.ts';
import { SseWatcher } from './sse-watcher.ts';
import { UnaryWatcher } from './unary-watcher.ts';

const REFUSED = ['', 'x'.repeat(257), 'x'.repeat(10_000), 'resp_\u0000', 'resp_\n', 'resp_\u007f', 'resp_\u0085', 'resp_\u2028', 'resp_\ud800'];
const TAKEN = ['r', 'resp_abc', 'x'.repeat(256), 'resp_é', 'resp_"\\', '日'.repeat(256)];

/** The same answer with its id in front, where it is looked for in the bytes, and behind, where the answer has to be parsed. */
const answers = (id: unknown): readonly object[] => [{ id }, { object: 'response', id }];

function fromStream(response: string): string | null {
  const watcher = new SseWatcher('responses', true);
  watcher.push(Buffer.from(`data: {"type":"response.created","response":${response}}\n\n`));
  return watcher.responseId;
}

function fromUnary(response: string): string | null {
  const watcher = new UnaryWatcher('responses');
  watcher.push(Buffer.from(response));
  return watcher.responseId;
}

test.each([
  ['a stream', fromStream],
  ['a unary answer', fromUnary],
])('of the ids in %s only printable ones of at most 256 characters are taken, wherever they stand', (_, idIn) => {
  for (const id of TAKEN) for (const answer of answers(id)) expect(idIn(JSON.stringify(answer))).toBe(id);
  for (const id of REFUSED) for (const answer of answers(id)) expect(idIn(JSON.stringify(answer))).toBeNull();
  // A control byte that is not even escaped, which a parser would refuse and a careless pattern would not.
  for (const byte of ['\0', '\t', '\x1b', '\x7f']) expect(idIn(`{"id":"resp_${byte}x"}`)).toBeNull();
});

test('an id that is refused ends the search, so that a later event cannot name another', () => {
  const watcher = new SseWatcher('responses', true);
  for (const id of ['resp_\u0000', 'resp_other'])
    watcher.push(Buffer.from(`data: ${JSON.stringify({ type: 'response.created', response: { object: 'response', id } })}\n\n`));
  expect(watcher.responseId).toBeNull();
});

test('what is no text is no id', () => {
  for (const value of [undefined, null, 7, {}, ['resp_abc']]) expect(responseIdOf(value)).toBeNull();
});
