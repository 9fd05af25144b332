const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
/** An id that is longer than this is none. */
const MAX_ID = 256;
/** An encrypted item is told by its length and this many bytes of its front and of its end: it is long, and hashing all of it would cost more than looking it up. */
const EDGE = 96;
/** Colon and space between a key and its value are no more than this. */
const NEAR = 16;

/**
 * The value of the last member of a name that is a string, wherever it stands in a piece of JSON, as its bytes are; null without one, or when it has escapes, as no id
 * has. It looks for the bytes of the key and parses nothing. A key inside of a text is told by the backslash before its quote.
 * @param key  With its quotes.
 */
function lastString(json: Buffer, key: string): Buffer | null {
  for (let at = json.lastIndexOf(key, undefined, 'latin1'); at !== -1; at = at === 0 ? -1 : json.lastIndexOf(key, at - 1, 'latin1')) {
    const value = stringBehind(json, at, key.length);
    if (value !== null) return value;
  }
  return null;
}

/** The ids that are values of members of a name, in their order, at most so many. */
export function idsOf(json: Buffer, key: string, most: number): string[] {
  const found: string[] = [];
  for (let at = json.indexOf(key, 0, 'latin1'); at !== -1 && found.length < most; at = json.indexOf(key, at + key.length, 'latin1')) {
    const value = stringBehind(json, at, key.length);
    if (value !== null && value.length <= MAX_ID) found.push(value.toString());
  }
  return found;
}

/** Whether a piece of JSON has a member of this name and value anywhere. @param key  With its quotes. */
export function hasMember(json: Buffer, key: string, value: string): boolean {
  // The value is the rarer of the two, and so what is looked for.
  const quoted = `"${value}"`;
  for (let at = json.indexOf(quoted, 0, 'latin1'); at !== -1; at = json.indexOf(quoted, at + quoted.length, 'latin1')) {
    // No further back than a key can stand, or many values without one would cost their square.
    const from = Math.max(0, at - key.length - NEAR);
    const keyAt = json.subarray(from, at).lastIndexOf(key, undefined, 'latin1');
    if (keyAt !== -1 && stringBehind(json, from + keyAt, key.length)?.toString('latin1') === value) return true;
  }
  return false;
}

/** What an encrypted item is recognised by: the last of a piece of JSON; null without one. */
export function fingerprintOf(json: Buffer): string | null {
  const value = lastString(json, '"encrypted_content"');
  return value === null ? null : `${value.length}:${value.toString('latin1', 0, EDGE)}:${value.toString('latin1', Math.max(0, value.length - EDGE))}`;
}

function stringBehind(json: Buffer, keyAt: number, keyLength: number): Buffer | null {
  if (keyAt > 0 && json[keyAt - 1] === BACKSLASH) return null;
  let at = skipSpace(json, keyAt + keyLength);
  if (json[at] !== COLON) return null;
  at = skipSpace(json, at + 1);
  if (json[at] !== QUOTE) return null;
  const end = json.indexOf(QUOTE, at + 1);
  return end <= at + 1 || json[end - 1] === BACKSLASH ? null : json.subarray(at + 1, end);
}

function skipSpace(json: Buffer, from: number): number {
  let at = from;
  while (json[at] === 0x20 || json[at] === 0x0a || json[at] === 0x0d || json[at] === 0x09) at++;
  return at;
}
