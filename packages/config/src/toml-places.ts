/** Where an entry of a TOML text begins; both count from 1. */
export interface TomlPlace {
  readonly line: number;
  readonly column: number;
}

/** A path into a TOML document: table and key names, and positions in arrays. */
export type TomlPath = readonly (string | number)[];

const ID = (path: TomlPath): string => JSON.stringify(path);

/**
 * Finds where each key of a TOML text stands, which the parser does not tell. The text must have been parsed already: nothing is
 * checked here, and on a text that is not TOML the places are only wrong, never an endless loop.
 * @returns the place of the longest known beginning of a path; line 1 when nothing of it is in the text
 */
export function tomlPlaces(text: string): (path: TomlPath) => TomlPlace {
  const found = new Map<string, number>();
  const tables = new Map<string, number>(); // how many [[name]] of each were seen
  let at = 0;
  let table: (string | number)[] = [];

  const skip = (pattern: RegExp): void => {
    pattern.lastIndex = at;
    at = pattern.exec(text) ? pattern.lastIndex : at;
  };
  const blank = (): void => skip(/(?:[ \t\r\n]+|#[^\n]*)*/y);
  const note = (path: TomlPath, where: number): void => {
    if (!found.has(ID(path))) found.set(ID(path), where);
  };

  function readString(): string {
    for (const fence of ['"""', "'''"]) {
      if (!text.startsWith(fence, at)) continue;
      const start = (at += 3);
      while (at < text.length && !text.startsWith(fence, at)) at += fence === '"""' && text[at] === '\\' ? 2 : 1;
      while (text[at + 3] === fence[0]) at++; // quotes may stand right before the closing fence
      at += 3;
      return text.slice(start, at - 3);
    }
    const quote = text[at];
    const start = ++at;
    while (at < text.length && text[at] !== quote && text[at] !== '\n') at += quote === '"' && text[at] === '\\' ? 2 : 1;
    const raw = text.slice(start, at++);
    return quote === '"' ? unescape(raw) : raw;
  }

  function readKey(): string[] {
    const names: string[] = [];
    for (;;) {
      skip(/[ \t]*/y);
      if (text[at] === '"' || text[at] === "'") names.push(readString());
      else {
        const start = at;
        skip(/[A-Za-z0-9_-]*/y);
        names.push(text.slice(start, at));
      }
      skip(/[ \t]*/y);
      if (text[at] !== '.') return names;
      at++;
    }
  }

  function readValue(path: TomlPath): void {
    const first = text[at];
    if (first === '"' || first === "'") readString();
    else if (first === '[') {
      at++;
      for (let n = 0; ; n++) {
        blank();
        if (at >= text.length || text[at] === ']') break;
        note([...path, n], at);
        readValue([...path, n]);
        blank();
        if (text[at] === ',') at++;
        else break;
      }
      at++;
    } else if (first === '{') {
      at++;
      for (;;) {
        blank();
        if (at >= text.length || text[at] === '}') break;
        readPair(path);
        blank();
        if (text[at] === ',') at++;
        else break;
      }
      at++;
    } else skip(/[^,\]}#\n]*/y);
  }

  function readPair(base: TomlPath): void {
    const where = at;
    const names = readKey();
    names.forEach((_, n) => note([...base, ...names.slice(0, n + 1)], where));
    if (text[at] === '=') at++;
    skip(/[ \t]*/y);
    readValue([...base, ...names]);
  }

  /** Names of a header as a path: where a name is an array of tables, its last entry is meant. */
  function resolved(names: readonly string[]): (string | number)[] {
    const path: (string | number)[] = [];
    for (const name of names) {
      path.push(name);
      const count = tables.get(ID(path));
      if (count !== undefined) path.push(count - 1);
    }
    return path;
  }

  while (at < text.length) {
    blank();
    if (at >= text.length) break;
    const before = at;
    if (text[at] === '[') {
      const many = text[at + 1] === '[';
      at += many ? 2 : 1;
      const names = readKey();
      if (many) {
        const path = [...resolved(names.slice(0, -1)), names.at(-1)!];
        const count = (tables.get(ID(path)) ?? 0) + 1;
        tables.set(ID(path), count);
        note(path, before);
        table = [...path, count - 1];
      } else table = resolved(names);
      note(table, before);
      skip(/[^\n]*/y);
    } else readPair(table);
    if (at === before) at++;
  }

  return (path) => {
    for (let length = path.length; length > 0; length--) {
      const offset = found.get(ID(path.slice(0, length)));
      if (offset === undefined) continue;
      const upTo = text.slice(0, offset);
      return { line: upTo.split('\n').length, column: offset - (upTo.lastIndexOf('\n') + 1) + 1 };
    }
    return { line: 1, column: 1 };
  };
}

const ESCAPES: Readonly<Record<string, string>> = { b: '\b', t: '\t', n: '\n', f: '\f', r: '\r', e: '\u001b', '"': '"', '\\': '\\' };

function unescape(raw: string): string {
  return raw.replace(/\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))/g, (_, x?: string, u?: string, long?: string, short?: string) => {
    const hex = x ?? u ?? long;
    return hex === undefined ? (ESCAPES[short ?? ''] ?? '') : String.fromCodePoint(Math.min(Number.parseInt(hex, 16), 0x10ffff));
  });
}
