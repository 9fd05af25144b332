import type { Json, Loose } from './json.ts';
import { objectAt } from './json.ts';
import { sampleValue } from './sample-value.ts';

/** A tool that the client offers. `custom` tools take free text instead of JSON arguments. */
export interface Tool {
  readonly name: string;
  readonly kind: 'function' | 'custom';
  readonly parameters: unknown;
}

/** A call that the model makes. `input` is JSON text for functions and free text for custom tools. */
export interface ToolCall {
  readonly name: string;
  readonly kind: 'function' | 'custom';
  readonly input: string;
}

/** The part of a request that the model looks at, the same for every surface. */
export interface Prompt {
  /** The last thing that the user said. */
  readonly user: string;
  /** What tools answered since then; empty when the user spoke last. */
  readonly toolOutputs: readonly string[];
  readonly tools: readonly Tool[];
  /** `required`: any tool; `{ name }`: that one; `none`: no tool. */
  readonly toolChoice: 'auto' | 'none' | 'required' | { readonly name: string };
  readonly parallelCalls: boolean;
  /** The JSON schema that the answer must satisfy. */
  readonly schema?: unknown;
}

/** What the model says in one answer. `pieces` are the text in the portions in which it is streamed. */
export interface Turn {
  readonly reasoning?: string;
  readonly refusal?: string;
  readonly pieces: readonly string[];
  readonly calls: readonly ToolCall[];
}

const QUOTED = 400;

/**
 * The model behind every unscripted answer: no randomness, no memory. It quotes the user; says `call NAME` (or
 * `call NAME with {…}`) and it calls that tool, several of them when parallel calls are allowed; it answers tool outputs with
 * text; it fills a JSON schema with a small valid value. `greeting` comes before its sentences.
 */
export function speak(prompt: Prompt, greeting = ''): Turn {
  const calls = wantedCalls(prompt);
  if (calls.length > 0) return { pieces: [], calls: prompt.parallelCalls ? calls : calls.slice(0, 1) };
  if (prompt.schema !== undefined) return { pieces: [JSON.stringify(sampleValue(prompt.schema))], calls: [] };
  return { pieces: inWords(`${greeting}${sentence(prompt)}`), calls: [] };
}

/** A text in the portions of a natural stream: one word with the white space behind it. */
export function inWords(text: string): readonly string[] {
  return text.match(/\s*\S+\s*/g) ?? (text === '' ? [] : [text]);
}

function sentence(prompt: Prompt): string {
  if (prompt.toolOutputs.length > 0) return `The tool answered: ${prompt.toolOutputs.map(shortened).join(' | ')}`;
  if (prompt.user === '') return 'Say something and I will quote it.';
  return `You said: ${shortened(prompt.user)}`;
}

function shortened(text: string): string {
  return text.length <= QUOTED ? text : `${text.slice(0, QUOTED).replace(/[\uD800-\uDBFF]$/, '')}…`;
}

function wantedCalls(prompt: Prompt): readonly ToolCall[] {
  if (prompt.toolChoice === 'none' || prompt.toolOutputs.length > 0) return [];
  const offered = new Map(prompt.tools.map((tool) => [tool.name, tool]));
  const asked = [...prompt.user.matchAll(/\bcall\s+([A-Za-z0-9_-]{1,128})(?:\s+with\s+)?/gi)].flatMap((match) => {
    const tool = offered.get(match[1] ?? '');
    return tool === undefined ? [] : [callOf(tool, objectAt(prompt.user, match.index + match[0].length))];
  });
  if (prompt.toolChoice === 'auto') return asked;
  const { toolChoice } = prompt;
  const forced = toolChoice === 'required' ? prompt.tools[0] : offered.get(toolChoice.name);
  const named = toolChoice === 'required' ? asked : asked.filter((call) => call.name === toolChoice.name);
  return named.length > 0 || forced === undefined ? named : [callOf(forced, undefined)];
}

function callOf(tool: Tool, given: Loose | undefined): ToolCall {
  if (tool.kind === 'custom') return { name: tool.name, kind: 'custom', input: given === undefined ? 'sample' : JSON.stringify(given) };
  const value = given ?? (tool.parameters === undefined || tool.parameters === null ? {} : (sampleValue(tool.parameters) as Json));
  return { name: tool.name, kind: 'function', input: JSON.stringify(value) };
}
