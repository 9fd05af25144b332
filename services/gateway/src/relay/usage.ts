/** What an observed answer is worth recording. Counts that the upstream did not give are null, never zero. */
export interface Usage {
  readonly inputTokens: number | null;
  readonly outputTokens: number | null;
  readonly cachedTokens: number | null;
  readonly reasoningTokens: number | null;
}

/** Finds the last `usage` object in a text and reads it in either of the two OpenAI spellings. */
export function usageFrom(text: string): Usage | null {
  for (let at = text.lastIndexOf('"usage"'); at !== -1; at = at === 0 ? -1 : text.lastIndexOf('"usage"', at - 1)) {
    USAGE.lastIndex = at;
    const found = USAGE.exec(text);
    const parsed = found === null ? null : objectOf(found[1]!);
    if (parsed !== null) return readUsage(parsed);
  }
  return null;
}

type Loose = Readonly<Record<string, unknown>>;

// `"usage":` and an object with objects inside, one level deep, as usage is everywhere. One run of the engine, a third of a loop in here.
const USAGE = /"usage"\s*:\s*(\{(?:[^{}]|\{[^{}]*\})*\})/y;

function objectOf(json: string): Loose | null {
  try {
    return JSON.parse(json) as Loose;
  } catch {
    return null;
  }
}

function readUsage(usage: Loose): Usage {
  const inputDetails = (usage.input_tokens_details ?? usage.prompt_tokens_details ?? {}) as Loose;
  const outputDetails = (usage.output_tokens_details ?? usage.completion_tokens_details ?? {}) as Loose;
  return {
    inputTokens: count(usage.input_tokens ?? usage.prompt_tokens),
    outputTokens: count(usage.output_tokens ?? usage.completion_tokens),
    cachedTokens: count(inputDetails.cached_tokens),
    reasoningTokens: count(outputDetails.reasoning_tokens),
  };
}

function count(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null;
}
