import { countTokens } from './count-tokens.ts';
import type { Direction } from './direction.ts';
import { turnOf } from './direction.ts';
import { isObject } from './json.ts';
import type { Reply } from './reply.ts';
import { jsonReply, refuse } from './reply.ts';
import { SSE_HEADERS, sseEvent } from './sse.ts';
import { limited } from './token-limit.ts';
import { speak } from './turn.ts';
import { chatUsage, usageOf } from './usage.ts';
import type { Call, World } from './world.ts';

/** `POST /v1/completions` (openai-api 3): one string prompt, or a list of them; token arrays are refused. */
export function completions(call: Call, world: World, direction: Direction): Reply {
  const { body } = call;
  const prompts: readonly unknown[] = Array.isArray(body['prompt']) ? body['prompt'] : [body['prompt']];
  if (prompts.length === 0 || !prompts.every((prompt) => typeof prompt === 'string')) {
    return refuse(400, { message: "'prompt' must be a string or a list of strings.", param: 'prompt', code: 'invalid_value' });
  }
  const answers = prompts.map((user) => {
    const plain = { user, toolOutputs: [], tools: [], toolChoice: 'none', parallelCalls: false } as const;
    return limited(direction.say === undefined ? speak(plain, world.greeting) : turnOf(direction.say), body['max_tokens']);
  });
  const base = { id: world.newId('cmpl-'), object: 'text_completion', created: world.seconds(), model: body['model'] };
  const all = { pieces: answers.flatMap(({ turn }) => turn.pieces), calls: [] };
  const usage = chatUsage(usageOf(countTokens(prompts.join('\n')), all, direction.say?.usage));
  const choice = (index: number, text: string, finish: string | null): object => ({ index, text, logprobs: null, finish_reason: finish });
  const finishOf = (cutShort: boolean): string => (cutShort ? 'length' : 'stop');
  if (body['stream'] !== true) {
    const choices = answers.map(({ turn, cutShort }, index) => choice(index, turn.pieces.join(''), finishOf(cutShort)));
    return jsonReply({ ...base, choices, ...(usage === null ? {} : { usage }) });
  }
  const wantsUsage = isObject(body['stream_options']) && body['stream_options']['include_usage'] === true;
  return { status: 200, headers: SSE_HEADERS, units: events() };

  function* events(): Generator<Buffer> {
    for (const [index, { turn, cutShort }] of answers.entries()) {
      for (const piece of turn.pieces)
        yield sseEvent(JSON.stringify({ ...base, choices: [choice(index, piece, null)], ...(wantsUsage ? { usage: null } : {}) }));
      yield sseEvent(JSON.stringify({ ...base, choices: [choice(index, '', finishOf(cutShort))], ...(wantsUsage ? { usage: null } : {}) }));
    }
    if (direction.end === 'none') return;
    if (wantsUsage && usage !== null) yield sseEvent(JSON.stringify({ ...base, choices: [], usage }));
    yield sseEvent('[DONE]');
  }
}
