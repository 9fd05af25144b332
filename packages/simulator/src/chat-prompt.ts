import { contentText } from './content-text.ts';
import type { Loose } from './json.ts';
import { isObject, objectsIn } from './json.ts';
import type { Prompt, Tool } from './turn.ts';

/** Reads the model's prompt from a chat completions body (openai-api 2.1). */
export function chatPrompt(body: Loose): Prompt {
  const messages = objectsIn(body['messages']);
  const lastUser = messages.findLastIndex((message) => message['role'] === 'user');
  const after = messages.slice(lastUser + 1);
  return {
    user: lastUser < 0 ? '' : contentText(messages[lastUser]?.['content']),
    toolOutputs: after.filter((message) => message['role'] === 'tool' || message['role'] === 'function').map((message) => contentText(message['content'])),
    tools: toolsIn(body['tools']),
    toolChoice: choiceIn(body['tool_choice']),
    parallelCalls: body['parallel_tool_calls'] !== false,
    ...schemaIn(body['response_format']),
  };
}

/** All text of a chat transcript, for counting. */
export function chatText(body: Loose): string {
  return objectsIn(body['messages'])
    .map((message) => contentText(message['content']))
    .join('\n');
}

function toolsIn(value: unknown): readonly Tool[] {
  return objectsIn(value).flatMap((tool): Tool[] => {
    const kind = tool['type'] === 'custom' ? 'custom' : 'function';
    const inner = tool[kind];
    if (!isObject(inner) || typeof inner['name'] !== 'string') return [];
    return [{ name: inner['name'], kind, parameters: inner['parameters'] }];
  });
}

function choiceIn(value: unknown): Prompt['toolChoice'] {
  if (value === 'none' || value === 'required') return value;
  if (!isObject(value)) return 'auto';
  if (value['type'] === 'allowed_tools' && isObject(value['allowed_tools'])) return value['allowed_tools']['mode'] === 'required' ? 'required' : 'auto';
  const named = value['function'] ?? value['custom'];
  return isObject(named) && typeof named['name'] === 'string' ? { name: named['name'] } : 'auto';
}

function schemaIn(format: unknown): { schema?: unknown } {
  if (!isObject(format)) return {};
  if (format['type'] === 'json_object') return { schema: { type: 'object' } };
  if (format['type'] === 'json_schema' && isObject(format['json_schema'])) return { schema: format['json_schema']['schema'] ?? { type: 'object' } };
  return {};
}
