import { contentText } from './content-text.ts';
import type { Loose } from './json.ts';
import { isObject, objectsIn, stringOr } from './json.ts';
import type { Prompt, Tool } from './turn.ts';

/** The input of a responses request as a list of items; a plain string is one user message. */
export function inputItems(input: unknown, newId: (prefix: string) => string): readonly Loose[] {
  const items = typeof input === 'string' ? [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: input }] }] : objectsIn(input);
  return items.map((item) =>
    typeof item['id'] === 'string' ? item : { ...item, type: item['type'] ?? 'message', id: newId(String(item['type']).endsWith('_output') ? 'fco' : 'msg') },
  );
}

/** Reads the model's prompt from a transcript and the request that extends it (openai-api 5.1). */
export function responsesPrompt(transcript: readonly Loose[], body: Loose): Prompt {
  const lastUser = transcript.findLastIndex((item) => item['role'] === 'user');
  const outputs = transcript.slice(lastUser + 1).filter((item) => String(item['type']).endsWith('_call_output'));
  const added = transcript.filter((item) => item['type'] === 'additional_tools').flatMap((item) => toolsIn(item['tools']));
  return {
    user: lastUser < 0 ? '' : contentText(transcript[lastUser]?.['content']),
    toolOutputs: outputs.map((item) => contentText(item['output'])),
    tools: [...toolsIn(body['tools']), ...added],
    toolChoice: choiceIn(body['tool_choice']),
    parallelCalls: body['parallel_tool_calls'] !== false,
    ...schemaIn(body['text']),
  };
}

/** All text of a transcript, for counting. */
export function transcriptText(transcript: readonly Loose[], instructions: unknown): string {
  const texts = transcript.map((item) => `${contentText(item['content'])}${contentText(item['output'])}${stringOr(item['arguments'], '')}`);
  return [stringOr(instructions, ''), ...texts].join('\n');
}

function toolsIn(value: unknown): readonly Tool[] {
  return objectsIn(value).flatMap((tool): Tool[] => {
    const { type, name } = tool;
    return (type === 'function' || type === 'custom') && typeof name === 'string' ? [{ name, kind: type, parameters: tool['parameters'] }] : [];
  });
}

function choiceIn(value: unknown): Prompt['toolChoice'] {
  if (value === 'none' || value === 'required') return value;
  if (!isObject(value)) return 'auto';
  if (value['type'] === 'allowed_tools') return value['mode'] === 'required' ? 'required' : 'auto';
  return typeof value['name'] === 'string' ? { name: value['name'] } : 'auto';
}

function schemaIn(text: unknown): { schema?: unknown } {
  const format = isObject(text) ? text['format'] : undefined;
  if (!isObject(format)) return {};
  if (format['type'] === 'json_object') return { schema: { type: 'object' } };
  return format['type'] === 'json_schema' ? { schema: format['schema'] ?? { type: 'object' } } : {};
}
