/**
 * The id of a response as an upstream tells it, or null when it is none that we bind or write down: 1 to 256 printable characters. It
 * becomes a key in memory, an indexed column and a part of a path, and an upstream is not trusted with any of them.
 */
export function responseIdOf(value: unknown): string | null {
  return typeof value === 'string' && PRINTABLE.test(value) ? value : null;
}

/**
 * Source of the same where bytes are looked at before they are parsed: ASCII only and nothing escaped. What it does not match is left to
 * the parser.
 */
export const PLAIN_ID = '"([\\x20\\x21\\x23-\\x5b\\x5d-\\x7e]{1,256})"';

const PRINTABLE = /^[^\p{C}\p{Zl}\p{Zp}]{1,256}$/u;
