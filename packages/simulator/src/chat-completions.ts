import { chatPrompt, chatText } from './chat-prompt.ts';
import { countTokens } from './count-tokens.ts';
import type { Direction } from './direction.ts';
import { turnOf } from './direction.ts';
import type { Loose } from './json.ts';
import { isObject } from './json.ts';
import type { Reply } from './reply.ts';
import { jsonReply, refuse } from './reply.ts';
import { SSE_HEADERS, sseEvent } from './sse.ts';
import { limited } from './token-limit.ts';
import type { Turn } from './turn.ts';
import { speak } from './turn.ts';
import type { Usage } from './usage.ts';
import { chatUsage, usageOf } from './usage.ts';
import type { Call, World } from './world.ts';

/** `POST /v1/chat/completions` (openai-api 2): unary, or SSE when `stream` is true. */
export function chatCompletions(call: Call, world: World, direction: Direction): Reply {
  const { body } = call;
  if (!Array.isArray(body['messages']))
    return refuse(400, { message: "Missing required parameter: 'messages'.", param: 'messages', code: 'missing_required_parameter' });
  const turn = direction.say === undefined ? speak(chatPrompt(body), world.greeting) : turnOf(direction.say);
  const { turn: said, cutShort } = limited(turn, body['max_completion_tokens'] ?? body['max_tokens']);
  const choices = typeof body['n'] === 'number' && body['n'] >= 1 ? Math.min(128, Math.floor(body['n'])) : 1;
  const usage = usageOf(countTokens(chatText(body)), said, direction.say?.usage);
  const answer: Answer = {
    base: { id: world.newId('chatcmpl-'), created: world.seconds(), model: String(body['model']), service_tier: 'default', system_fingerprint: null },
    turn: said,
    callIds: said.calls.map(() => world.newId('call')),
    finish: finishReason(said, cutShort, direction),
    choices,
    usage: usage === null ? null : { ...usage, output: usage.output * choices },
  };
  if (body['stream'] !== true) return jsonReply(completion(answer));
  const wantsUsage = isObject(body['stream_options']) && body['stream_options']['include_usage'] === true;
  return { status: 200, headers: SSE_HEADERS, units: chunks(answer, direction, wantsUsage) };
}

interface Answer {
  readonly base: Loose;
  readonly turn: Turn;
  readonly callIds: readonly string[];
  readonly finish: string;
  readonly choices: number;
  readonly usage: Usage | null;
}

function finishReason(turn: Turn, cutShort: boolean, { end }: Direction): string {
  if (typeof end === 'object' && 'incomplete' in end) return end.incomplete === 'max_output_tokens' ? 'length' : 'content_filter';
  if (cutShort) return 'length';
  return turn.calls.length > 0 ? 'tool_calls' : 'stop';
}

function completion({ base, turn, callIds, finish, choices, usage }: Answer): object {
  const message = {
    role: 'assistant',
    content: turn.calls.length > 0 && turn.pieces.length === 0 ? null : turn.refusal === undefined ? turn.pieces.join('') : null,
    refusal: turn.refusal ?? null,
    annotations: [],
    ...(turn.calls.length === 0 ? {} : { tool_calls: turn.calls.map((call, index) => ({ id: callIds[index], ...callBody(call, call.input) })) }),
  };
  const each = Array.from({ length: choices }, (_, index) => ({ index, message, logprobs: null, finish_reason: finish }));
  return { id: base['id'], object: 'chat.completion', ...base, choices: each, ...(usage === null ? {} : { usage: chatUsage(usage) }) };
}

function callBody(call: Turn['calls'][number], input: string): object {
  return call.kind === 'custom'
    ? { type: 'custom', custom: { name: call.name, input } }
    : { type: 'function', function: { name: call.name, arguments: input } };
}

/** The stream in the order of openai-api 2.3: role, content, tool calls, one finish per choice, usage if asked for, `[DONE]`. */
function* chunks(answer: Answer, direction: Direction, wantsUsage: boolean): Generator<Buffer> {
  const { base, turn, callIds, finish } = answer;
  const { end = 'completed', before = [], stream } = direction;
  const shared = { id: base['id'], object: 'chat.completion.chunk', ...base };
  const usageNull = wantsUsage ? { usage: null } : {};
  const chunk = (index: number, delta: object, reason: string | null = null): string =>
    JSON.stringify({ ...shared, choices: [{ index, delta, logprobs: null, finish_reason: reason }], ...usageNull });
  for (const event of before) yield sseEvent(JSON.stringify(event));
  for (let index = 0; index < answer.choices; index += 1) {
    yield sseEvent(chunk(index, { role: 'assistant', content: '', refusal: null }));
    if (stream !== undefined) {
      const padding = Math.max(0, stream.bytes - sseEvent(chunk(index, { content: '' })).length);
      const event = sseEvent(chunk(index, { content: 'x'.repeat(padding) }));
      for (let sent = 0; sent < stream.events; sent += 1) yield event;
    } else {
      if (turn.refusal !== undefined) yield sseEvent(chunk(index, { refusal: turn.refusal }));
      for (const piece of turn.pieces) yield sseEvent(chunk(index, { content: piece }));
      for (const [at, call] of turn.calls.entries()) {
        yield sseEvent(chunk(index, { tool_calls: [{ index: at, id: callIds[at], ...callBody(call, '') }] }));
        for (const part of halves(call.input)) yield sseEvent(chunk(index, { tool_calls: [{ index: at, ...callPart(call, part) }] }));
      }
    }
    if (end === 'completed' || (typeof end === 'object' && 'incomplete' in end)) yield sseEvent(chunk(index, {}, finish));
  }
  if (end === 'none') return;
  if (typeof end === 'object' && !('incomplete' in end)) {
    const error = 'failed' in end ? end.failed : end.error;
    yield sseEvent(JSON.stringify({ error: { message: error.message ?? 'The stream failed.', type: 'server_error', param: null, code: error.code ?? null } }));
    return;
  }
  if (wantsUsage && answer.usage !== null) yield sseEvent(JSON.stringify({ ...shared, choices: [], usage: chatUsage(answer.usage) }));
  yield sseEvent('[DONE]');
}

function callPart(call: Turn['calls'][number], part: string): object {
  return call.kind === 'custom' ? { custom: { input: part } } : { function: { arguments: part } };
}

/** Two fragments, so that clients must join them. */
function halves(text: string): readonly string[] {
  const middle = Math.ceil(text.length / 2);
  return [text.slice(0, middle), text.slice(middle)].filter((part) => part !== '');
}
