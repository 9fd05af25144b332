import type { AnswerHeaders } from '@switchyard/contracts';
import { single } from './upstream-headers.ts';

/** What an error may say of when to come back. */
export interface WaitTexts {
  readonly resetsInS: unknown;
  /** Epoch seconds. */
  readonly resetsAtS: unknown;
  readonly message: unknown;
}

/** A wait is believed up to the longest quota window, a month. */
const LONGEST_S = 31 * 86_400;

/**
 * The seconds that an upstream asks to wait, from the most exact of its words: `resets_in_seconds`, `resets_at`, `retry-after-ms`,
 * `retry-after`, "try again in 1.2s" in the message. A moment that has passed says nothing.
 * @param headers      Null for an error inside a stream.
 * @param wallClockMs  Epoch milliseconds.
 * @returns null when it does not say
 */
export function waitHint({ resetsInS, resetsAtS, message }: WaitTexts, headers: AnswerHeaders | null, wallClockMs: number): number | null {
  const hint =
    positive(resetsInS) ??
    (typeof resetsAtS === 'number' ? positive(resetsAtS - wallClockMs / 1_000) : null) ??
    (headers === null ? null : (scaled(single(headers, 'retry-after-ms'), 0.001) ?? scaled(single(headers, 'retry-after'), 1))) ??
    (typeof message === 'string' ? waitInWords(message) : null);
  return hint === null ? null : Math.min(hint, LONGEST_S);
}

function positive(value: unknown): number | null {
  return typeof value === 'number' && value > 0 ? value : null;
}

/** A header that is a number; the date form is ignored because it depends on a clock that is not ours. */
function scaled(text: string | null, secondsEach: number): number | null {
  return text === null || !/^ *\d{1,12}(?:\.\d{1,6})? *$/.test(text) ? null : Number(text) * secondsEach;
}

const IN_WORDS = /try again in ((?:\d{1,9}(?:\.\d{1,9})? ?(?:ms|s|m|h|d)[a-z]* ?){1,5})/i;
const SECONDS_EACH: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3_600, d: 86_400 };

/** `1.2s`, `20ms`, `6m0s`, `2 hours`. */
function waitInWords(message: string): number | null {
  const told = IN_WORDS.exec(message.slice(0, 2_000))?.[1];
  if (told === undefined) return null;
  let seconds = 0;
  for (const [, amount, unit] of told.matchAll(/([\d.]+) ?(ms|s|m|h|d)/gi)) seconds += Number(amount) * SECONDS_EACH[unit!.toLowerCase()]!;
  return seconds;
}
