import type { Direction } from './direction.ts';
import type { Loose } from './json.ts';
import { objectsIn, stringOr } from './json.ts';
import { sseEvent } from './sse.ts';
import { inWords } from './turn.ts';

/** What one responses stream is made from: the finished response, and how its text is portioned. */
export interface Telling {
  readonly response: Loose;
  readonly pieces: ReadonlyMap<string, readonly string[]>;
  readonly direction: Direction;
  /** Events up to and with this sequence number are left out (`starting_after` of a replay). */
  readonly after?: number;
}

/**
 * The stream of a response in the order of openai-api 5.3: created, in progress, each item from added to done, then the
 * terminal event that its status calls for. `sequence_number` counts from 0 without a gap.
 */
export function* responseEvents({ response, pieces, direction, after = -1 }: Telling): Generator<Buffer> {
  const { before = [], end = 'completed', stream } = direction;
  if (after < 0) for (const event of before) yield sseEvent(JSON.stringify(event), stringOr(event['type'], undefined));
  let sequence = -1;
  for (const { type, ...rest } of told(response, pieces, end, stream)) {
    sequence += 1;
    if (sequence <= after) continue;
    const data = `{"type":"${type}","sequence_number":${sequence},${JSON.stringify(rest).slice(1)}`;
    yield sseEvent(data, type);
  }
}

interface Told {
  readonly type: string;
  readonly [key: string]: unknown;
}

function* told(response: Loose, pieces: Telling['pieces'], end: Direction['end'], stream: Direction['stream']): Generator<Told> {
  const begun = { ...response, status: 'in_progress', completed_at: null, error: null, incomplete_details: null, output: [], usage: null };
  yield { type: 'response.created', response: begun };
  yield { type: 'response.in_progress', response: begun };
  for (const [output_index, item] of objectsIn(response['output']).entries()) {
    const place = { item_id: item['id'], output_index };
    yield { type: 'response.output_item.added', output_index, item: opening(item) };
    if (item['type'] === 'message') yield* message(item, place, pieces.get(String(item['id'])), stream);
    else if (item['type'] === 'reasoning') yield* reasoning(item, place);
    else if (item['type'] === 'function_call') yield* functionCall(item, place);
    else if (item['type'] === 'custom_tool_call') yield* customCall(item, place);
    yield { type: 'response.output_item.done', output_index, item };
  }
  if (end === 'none') return;
  if (typeof end === 'object' && 'error' in end) {
    yield { type: 'error', code: end.error.code ?? null, message: end.error.message ?? 'The stream failed.', param: null };
    return;
  }
  yield { type: `response.${String(response['status'])}`, response };
}

/** An item as it looks when it is added: same id, nothing in it yet. */
function opening(item: Loose): Loose {
  if (item['type'] === 'message') return { ...item, status: 'in_progress', content: [] };
  if (item['type'] === 'function_call') return { ...item, status: 'in_progress', arguments: '' };
  if (item['type'] === 'custom_tool_call') return { ...item, status: 'in_progress', input: '' };
  if (item['type'] === 'reasoning') return { type: 'reasoning', id: item['id'], summary: [] };
  return item;
}

function* message(item: Loose, place: Loose, pieces: readonly string[] | undefined, stream: Direction['stream']): Generator<Told> {
  for (const [content_index, part] of objectsIn(item['content']).entries()) {
    const at = { ...place, content_index };
    if (part['type'] === 'refusal') {
      yield { type: 'response.content_part.added', ...at, part: { ...part, refusal: '' } };
      yield { type: 'response.refusal.delta', ...at, delta: part['refusal'] };
      yield { type: 'response.refusal.done', ...at, refusal: part['refusal'] };
    } else {
      const text = String(part['text']);
      yield { type: 'response.content_part.added', ...at, part: { ...part, text: '' } };
      if (stream === undefined) for (const delta of pieces ?? inWords(text)) yield { type: 'response.output_text.delta', ...at, delta, logprobs: [] };
      else yield* filler(at, stream);
      yield { type: 'response.output_text.done', ...at, text, logprobs: [] };
    }
    yield { type: 'response.content_part.done', ...at, part };
  }
}

function* filler(at: Loose, { events, bytes }: NonNullable<Direction['stream']>): Generator<Told> {
  const bare = { type: 'response.output_text.delta', sequence_number: 1_000, ...at, delta: '', logprobs: [] };
  const delta = 'x'.repeat(Math.max(0, bytes - sseEvent(JSON.stringify(bare), bare.type).length));
  for (let sent = 0; sent < events; sent += 1) yield { type: 'response.output_text.delta', ...at, delta, logprobs: [] };
}

function* reasoning(item: Loose, place: Loose): Generator<Told> {
  for (const [summary_index, part] of objectsIn(item['summary']).entries()) {
    const at = { ...place, summary_index };
    yield { type: 'response.reasoning_summary_part.added', ...at, part: { type: 'summary_text', text: '' } };
    for (const delta of inWords(String(part['text']))) yield { type: 'response.reasoning_summary_text.delta', ...at, delta };
    yield { type: 'response.reasoning_summary_text.done', ...at, text: part['text'] };
    yield { type: 'response.reasoning_summary_part.done', ...at, part };
  }
}

function* functionCall(item: Loose, place: Loose): Generator<Told> {
  const text = String(item['arguments']);
  const middle = Math.ceil(text.length / 2);
  for (const delta of [text.slice(0, middle), text.slice(middle)]) {
    if (delta !== '') yield { type: 'response.function_call_arguments.delta', ...place, delta };
  }
  yield { type: 'response.function_call_arguments.done', ...place, name: item['name'], arguments: text };
}

function* customCall(item: Loose, place: Loose): Generator<Told> {
  yield { type: 'response.custom_tool_call_input.delta', ...place, delta: item['input'] };
  yield { type: 'response.custom_tool_call_input.done', ...place, input: item['input'] };
}
