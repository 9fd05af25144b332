import { firstTokens } from './count-tokens.ts';
import type { Turn } from './turn.ts';
import { inWords } from './turn.ts';

/** Cuts the text of a turn to the client's token limit, as a model does; calls are never cut. */
export function limited(turn: Turn, limit: unknown): { turn: Turn; cutShort: boolean } {
  if (typeof limit !== 'number' || !(limit >= 1)) return { turn, cutShort: false };
  const text = turn.pieces.join('');
  const kept = firstTokens(text, Math.floor(limit));
  return kept === text ? { turn, cutShort: false } : { turn: { ...turn, pieces: inWords(kept) }, cutShort: true };
}
