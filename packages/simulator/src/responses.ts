import { countTokens } from './count-tokens.ts';
import type { Direction } from './direction.ts';
import { turnOf } from './direction.ts';
import type { Json, Loose } from './json.ts';
import { stringOr } from './json.ts';
import type { Reply } from './reply.ts';
import { jsonReply, refuse } from './reply.ts';
import { responseEvents } from './response-events.ts';
import { inputItems, responsesPrompt, transcriptText } from './responses-prompt.ts';
import { openedByUs, seal } from './seal.ts';
import { SSE_HEADERS } from './sse.ts';
import { limited } from './token-limit.ts';
import type { Turn } from './turn.ts';
import { speak } from './turn.ts';
import { responsesUsage, usageOf } from './usage.ts';
import type { Call, World } from './world.ts';

/**
 * `POST /v1/responses` (openai-api 5): unary, or SSE when `stream` is true. Stored unless `store` is false; a
 * `previous_response_id` that this simulator did not give out, and an item that another one sealed, are refused, so that a
 * gateway that loses a conversation's owner is found out. A background response stays queued until it is fetched.
 */
export function createResponse(call: Call, world: World, direction: Direction): Reply {
  const { body } = call;
  const read = readTranscript(call, world);
  if ('refusal' in read) return read.refusal;
  const { input, transcript } = read;
  const compacting = input.at(-1)?.['type'] === 'compaction_trigger';
  // A client on a socket warms it up with what will stay the same (codex-protocol 3).
  const silent = compacting || (call.kept !== undefined && body['generate'] === false);
  const spoken = silent
    ? { pieces: [], calls: [] }
    : direction.say === undefined
      ? speak(responsesPrompt(transcript, body), world.greeting)
      : turnOf(direction.say);
  const { turn, cutShort } = limited(spoken, body['max_output_tokens']);
  const pieces = new Map<string, readonly string[]>();
  const output = compacting
    ? [{ type: 'compaction', id: world.newId('cmp'), encrypted_content: seal(world.nonce, transcript.length) }]
    : outputOf(turn, body, world, pieces, direction.stream !== undefined);
  const usage = responsesUsage(usageOf(countTokens(transcriptText(transcript, body['instructions'])), turn, direction.say?.usage));
  const waits = body['background'] === true && body['stream'] !== true;
  const response = responseObject(body, world, { output, usage, ...ending(direction, cutShort) });
  const stored = { response, waits, input, transcript: [...transcript, ...output], pieces };
  call.kept?.put(String(response['id']), stored);
  if (body['store'] !== false) world.responses.put(String(response['id']), stored);
  if (body['stream'] === true) return { status: 200, headers: SSE_HEADERS, units: responseEvents({ response, pieces, direction }) };
  if (typeof direction.end === 'object' && 'error' in direction.end)
    return refuse(500, { message: direction.end.error.message ?? 'The request failed.', type: 'server_error', code: direction.end.error.code ?? null });
  return jsonReply(waits ? queued(response) : response);
}

/** A background response before it has run. */
export function queued(response: Loose): Loose {
  return { ...response, status: 'queued', completed_at: null, output: [], usage: null };
}

/** `POST /v1/responses/input_tokens`: the count that `POST /v1/responses` would report. */
export function countInput(call: Call, world: World): Reply {
  const read = readTranscript(call, world);
  if ('refusal' in read) return read.refusal;
  return jsonReply({ object: 'response.input_tokens', input_tokens: countTokens(transcriptText(read.transcript, call.body['instructions'])) });
}

/** `POST /v1/responses/compact`: a transcript folded into one sealed item that only this simulator opens. */
export function compactResponse(call: Call, world: World): Reply {
  const read = readTranscript(call, world);
  if ('refusal' in read) return read.refusal;
  const { transcript } = read;
  const kept = transcript.filter((item) => item['role'] === 'user');
  const usage = usageOf(countTokens(transcriptText(transcript, call.body['instructions'])), { pieces: [], calls: [] }, undefined);
  const sealed = { type: 'compaction', id: world.newId('cmp'), encrypted_content: seal(world.nonce, transcript.length) };
  return jsonReply({
    id: world.newId('resp'),
    object: 'response.compaction',
    created_at: world.seconds(),
    output: [...kept, sealed],
    usage: responsesUsage(usage),
  });
}

function readTranscript({ body, kept }: Call, world: World): { input: readonly Loose[]; transcript: readonly Loose[] } | { refusal: Reply } {
  const previousId = body['previous_response_id'];
  const previous = typeof previousId === 'string' ? (kept?.get(previousId) ?? world.responses.get(previousId)) : undefined;
  if (typeof previousId === 'string' && previous === undefined) {
    return {
      refusal: refuse(400, {
        message: `Previous response with id '${previousId}' not found.`,
        param: 'previous_response_id',
        code: 'previous_response_not_found',
      }),
    };
  }
  const input = inputItems(body['input'], (prefix) => world.newId(prefix));
  const foreign = input.find((item) => typeof item['encrypted_content'] === 'string' && !openedByUs(world.nonce, item['encrypted_content']));
  if (foreign !== undefined) {
    const message = `The encrypted content of item ${stringOr(foreign['id'], 'without id')} could not be verified.`;
    return { refusal: refuse(400, { message, param: 'input', code: 'invalid_encrypted_content' }) };
  }
  return { input, transcript: [...(previous?.transcript ?? []), ...input] };
}

interface Ending {
  readonly status: 'completed' | 'failed' | 'incomplete';
  readonly error: Json;
  readonly incomplete_details: Json;
}

function ending({ end }: Direction, cutShort: boolean): Ending {
  if (typeof end === 'object' && 'failed' in end) {
    return { status: 'failed', error: { code: end.failed.code, message: end.failed.message ?? 'The response failed.' }, incomplete_details: null };
  }
  const reason = typeof end === 'object' && 'incomplete' in end ? end.incomplete : cutShort ? 'max_output_tokens' : undefined;
  if (reason !== undefined) return { status: 'incomplete', error: null, incomplete_details: { reason } };
  return { status: 'completed', error: null, incomplete_details: null };
}

function outputOf(turn: Turn, body: Loose, world: World, pieces: Map<string, readonly string[]>, filled: boolean): Loose[] {
  const output: Loose[] = [];
  if (turn.reasoning !== undefined) {
    const wanted = Array.isArray(body['include']) && body['include'].includes('reasoning.encrypted_content');
    const summary = [{ type: 'summary_text', text: turn.reasoning }];
    output.push({ type: 'reasoning', id: world.newId('rs'), summary, ...(wanted ? { encrypted_content: seal(world.nonce, turn.reasoning.length) } : {}) });
  }
  if (turn.pieces.length > 0 || turn.refusal !== undefined || filled) {
    const id = world.newId('msg');
    const part =
      turn.refusal === undefined
        ? { type: 'output_text', text: turn.pieces.join(''), annotations: [], logprobs: [] }
        : { type: 'refusal', refusal: turn.refusal };
    output.push({ type: 'message', id, role: 'assistant', status: 'completed', content: [part] });
    pieces.set(id, turn.pieces);
  }
  for (const call of turn.calls) {
    const shared = { status: 'completed', call_id: world.newId('call'), name: call.name };
    if (call.kind === 'custom') output.push({ type: 'custom_tool_call', id: world.newId('ctc'), ...shared, input: call.input });
    else output.push({ type: 'function_call', id: world.newId('fc'), ...shared, arguments: call.input });
  }
  return output;
}

function responseObject(body: Loose, world: World, done: Ending & { output: readonly Loose[]; usage: object | null }): Loose {
  const created = world.seconds();
  return {
    id: world.newId('resp'),
    object: 'response',
    created_at: created,
    completed_at: done.status === 'completed' ? created : null,
    background: body['background'] === true,
    model: body['model'],
    instructions: body['instructions'] ?? null,
    metadata: body['metadata'] ?? {},
    parallel_tool_calls: body['parallel_tool_calls'] ?? true,
    previous_response_id: body['previous_response_id'] ?? null,
    temperature: body['temperature'] ?? 1,
    top_p: body['top_p'] ?? 1,
    tool_choice: body['tool_choice'] ?? 'auto',
    tools: body['tools'] ?? [],
    text: body['text'] ?? { format: { type: 'text' } },
    reasoning: body['reasoning'] ?? { effort: null, summary: null },
    store: body['store'] !== false,
    truncation: body['truncation'] ?? 'disabled',
    service_tier: 'default',
    max_output_tokens: body['max_output_tokens'] ?? null,
    user: body['user'] ?? null,
    ...done,
  };
}
