import { countTokens } from './count-tokens.ts';
import type { Say } from './direction.ts';
import type { Turn } from './turn.ts';

/** Tokens of one answer, counted by `countTokens`. */
export interface Usage {
  readonly input: number;
  readonly cached: number;
  readonly output: number;
  readonly reasoning: number;
}

/** Counts a turn, or takes what the script says; null when the script leaves usage out. */
export function usageOf(inputTokens: number, turn: Turn, scripted: Say['usage']): Usage | null {
  if (scripted === null) return null;
  if (scripted !== undefined) return { cached: 0, reasoning: 0, ...scripted };
  const reasoning = countTokens(turn.reasoning ?? '');
  const said = countTokens(turn.pieces.join('')) + countTokens(turn.refusal ?? '');
  const called = turn.calls.reduce((sum, call) => sum + countTokens(call.name) + countTokens(call.input), 0);
  return { input: inputTokens, cached: 0, output: reasoning + said + called, reasoning };
}

/** The shape of chat completions and completions (openai-api 2.2). */
export function chatUsage(usage: Usage | null): object | null {
  if (usage === null) return null;
  return {
    prompt_tokens: usage.input,
    completion_tokens: usage.output,
    total_tokens: usage.input + usage.output,
    prompt_tokens_details: { cached_tokens: usage.cached, cache_write_tokens: 0, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: usage.reasoning, audio_tokens: 0, accepted_prediction_tokens: 0, rejected_prediction_tokens: 0 },
  };
}

/** The shape of responses (openai-api 5.2). `total_tokens` is always there: codex rejects usage without it (trap 13). */
export function responsesUsage(usage: Usage | null): object | null {
  if (usage === null) return null;
  return {
    input_tokens: usage.input,
    input_tokens_details: { cached_tokens: usage.cached, cache_write_tokens: 0 },
    output_tokens: usage.output,
    output_tokens_details: { reasoning_tokens: usage.reasoning },
    total_tokens: usage.input + usage.output,
  };
}
