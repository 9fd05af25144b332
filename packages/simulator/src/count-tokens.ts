/**
 * A cheap, deterministic stand-in for a tokenizer: one token per run of letters and digits, one per other visible character.
 * Linear and without allocation, so that a 1 MB prompt does not slow the simulator down.
 */
export function countTokens(text: string): number {
  let tokens = 0;
  let inWord = false;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    const isWord = (code >= 48 && code <= 57) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122) || code > 127;
    if (isWord) {
      if (!inWord) tokens += 1;
    } else if (code > 32) {
      tokens += 1;
    }
    inWord = isWord;
  }
  return tokens;
}

/** Cuts a text after its first `limit` tokens, without white space at the cut; the text itself when it is no longer than that. */
export function firstTokens(text: string, limit: number): string {
  if (countTokens(text) <= limit) return text;
  let low = 0;
  let high = text.length;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (countTokens(text.slice(0, middle)) <= limit) low = middle;
    else high = middle - 1;
  }
  return text.slice(0, low).trimEnd();
}
