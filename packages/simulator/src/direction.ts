import type { Json } from './json.ts';
import type { ToolCall, Turn } from './turn.ts';
import { inWords } from './turn.ts';

/** What a script makes the model say. Members that are absent are simply not said. */
export interface Say {
  /** A list gives the streamed portions. */
  readonly text?: string | readonly string[];
  readonly reasoning?: string;
  readonly refusal?: string;
  /** `input` in place of `arguments` makes a custom tool call. */
  readonly calls?: readonly { readonly name: string; readonly arguments?: string | { readonly [key: string]: Json }; readonly input?: string }[];
  /** null leaves usage out; a number pair replaces the counted one. */
  readonly usage?: null | { readonly input: number; readonly output: number; readonly cached?: number; readonly reasoning?: number };
}

/** How an answer ends. `none`: the stream closes without a terminal event. */
export type End =
  | 'completed'
  | 'none'
  | { readonly failed: { readonly code: string; readonly message?: string } }
  | { readonly incomplete: string }
  | { readonly error: { readonly code?: string; readonly message?: string } };

/** A stream of `events` text deltas of `bytes` each, for volume and pace. */
export interface Filler {
  readonly events: number;
  /** Size of one whole event on the wire; never smaller than its own frame. */
  readonly bytes: number;
}

/** The part of a script that changes what a surface renders, as opposed to how the bytes travel. */
export interface Direction {
  readonly say?: Say;
  /** Events put in front of the surface's own, such as `codex.rate_limits`. */
  readonly before?: readonly { readonly [key: string]: Json }[];
  readonly end?: End;
  readonly stream?: Filler;
}

/** A scripted turn in the form in which the model's own turns come. */
export function turnOf(say: Say): Turn {
  const { text = [], calls = [] } = say;
  return {
    ...(say.reasoning === undefined ? {} : { reasoning: say.reasoning }),
    ...(say.refusal === undefined ? {} : { refusal: say.refusal }),
    pieces: typeof text === 'string' ? inWords(text) : text,
    calls: calls.map((call): ToolCall => {
      if (call.input !== undefined) return { name: call.name, kind: 'custom', input: call.input };
      const given = call.arguments ?? {};
      return { name: call.name, kind: 'function', input: typeof given === 'string' ? given : JSON.stringify(given) };
    }),
  };
}
