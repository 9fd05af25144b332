import { SwitchyardError } from '@switchyard/contracts';
import { FILE_FIELDS, MAX_FILES, MAX_FILE_ID, mayNameFiles } from './file-fields.ts';
import { endOfPlainRun } from './plain-run.ts';

/** Deepest nesting and largest number of keys that a body may have (product section 13). */
const MAX_JSON_DEPTH = 64;
const MAX_JSON_KEYS = 100_000;

/** Where the value of a wanted top-level field lies, as absolute byte offsets; `kind` is its first byte's meaning. */
export interface FieldSpan {
  readonly start: number;
  readonly end: number;
  readonly kind: 'string' | 'number' | 'true' | 'false' | 'null' | 'object' | 'array';
}

// What the scanner expects next.
const VALUE = 0;
const FIRST_VALUE = 1; // right after '[': a value or ']'
const FIRST_KEY = 2; // right after '{': a key or '}'
const KEY = 3;
const COLON = 4;
const COMMA = 5; // ',' or the closing bracket
const DONE = 6;
const STRING = 7;
const ESCAPE = 8;
const HEX = 9;
const NUMBER = 10;
const LITERAL = 11;

// Where a number stands (RFC 8259 section 6).
const N_MINUS = 0;
const N_ZERO = 1;
const N_INT = 2;
const N_POINT = 3;
const N_FRACTION = 4;
const N_E = 5;
const N_SIGN = 6;
const N_EXPONENT = 7;

const LITERALS = { 0x74: 'true', 0x66: 'false', 0x6e: 'null' } as const;

/**
 * Checks a JSON text as its bytes arrive and remembers where a few top-level fields are, and which files it names anywhere. It builds no tree,
 * so that depth, key count and size cannot hurt, and the bytes themselves go upstream untouched. One pass.
 *
 * It refuses what JSON refuses (RFC 8259) and three things that parsers disagree about: a routed field given twice, a number
 * that no double can hold, and half a surrogate pair.
 */
export class JsonScanner {
  readonly fields = new Map<string, FieldSpan>();
  readonly #wanted: ReadonlySet<string>;
  readonly #anyRoot: boolean;
  #state = VALUE;
  #offset = 0; // absolute offset of the first byte of the chunk being scanned
  #depth = 0;
  #keys = 0;
  // Which open levels are arrays, one bit each: two numbers cost a tenth of a typed array per request.
  #arraysLow = 0; // levels 1 to 32
  #arraysHigh = 0; // levels 33 to 64
  #stringIsKey = false;
  #tokenStart = 0;
  #hasEscape = false;
  #hexLeft = 0;
  #hexValue = 0;
  #highSurrogate = false;
  #number = N_MINUS;
  #literal = '';
  #literalAt = 0;
  #field: string | null = null; // the wanted top-level key whose value comes next
  #fieldStart = 0;
  #fieldKind: FieldSpan['kind'] = 'null';
  readonly #suspectNumbers: number[] = [];
  #filesFrom = 0; // the level whose member is being read of which every string is the id of a file; 0 outside of such
  #files: Set<string> | null = null;
  // Where the elements of a watched top-level array begin; a ring of the last ones.
  readonly #listed: string | null;
  readonly #ring: number[] | null;
  readonly #ringSize: number;
  #elements = 0;
  // Chunks so far, to read keys and suspect numbers that straddle a boundary. Most bodies have one, and an array for it would be
  // three times as large as all else here.
  #last: Buffer | null = null;
  #before: Buffer[] | null = null;

  /**
   * @param anyRoot  Accepts any JSON text, not only an object.
   * @param list     A wanted field that is an array, and of how many of its last elements the beginnings are to be remembered.
   */
  constructor(wanted: ReadonlySet<string>, anyRoot = false, list: { readonly field: string; readonly last: number } | null = null) {
    this.#wanted = wanted;
    this.#anyRoot = anyRoot;
    this.#listed = list === null ? null : list.field;
    this.#ring = list === null ? null : [];
    this.#ringSize = list === null ? 0 : list.last;
  }

  /** The ids of the uploaded files that are named so far, each once; null when there are none, and no more than one above the limit. */
  get files(): readonly string[] | null {
    return this.#files === null ? null : [...this.#files];
  }

  /** Absolute offsets at which the last elements of the watched array begin, in their order. */
  lastElements(): number[] {
    const ring = this.#ring ?? [];
    const first = this.#elements % this.#ringSize;
    return this.#elements <= this.#ringSize ? ring : [...ring.slice(first), ...ring.slice(0, first)];
  }

  /**
   * Scans the next chunk.
   * @throws SwitchyardError `invalid_json`, `json_too_complex`, `duplicate_parameter`
   */
  push(chunk: Buffer): void {
    if (this.#last !== null) (this.#before ??= []).push(this.#last);
    this.#last = chunk;
    const base = this.#offset;
    const length = chunk.length;
    let state = this.#state;
    let i = 0;
    while (i < length) {
      const c = chunk[i]!;
      switch (state) {
        case STRING: {
          // The tight loop of most bodies: run to the next quote, backslash or control character.
          if (this.#highSurrogate && c !== 0x5c) this.#refuse(base + i, 'half a surrogate pair');
          i = endOfPlainRun(chunk, i);
          if (i === length) break;
          const b = chunk[i]!;
          if (b === 0x22) {
            state = this.#endString(base + i);
            i++;
          } else if (b === 0x5c) {
            this.#hasEscape = true;
            state = ESCAPE;
            i++;
          } else this.#refuse(base + i, 'a control character inside a string');
          break;
        }
        case ESCAPE:
          if (this.#highSurrogate && c !== 0x75) this.#refuse(base + i, 'half a surrogate pair');
          if (c === 0x75) {
            this.#hexLeft = 4;
            this.#hexValue = 0;
            state = HEX;
          } else if (c === 0x22 || c === 0x5c || c === 0x2f || c === 0x62 || c === 0x66 || c === 0x6e || c === 0x72 || c === 0x74) state = STRING;
          else this.#refuse(base + i, 'an unknown escape');
          i++;
          break;
        case HEX: {
          const digit = c >= 0x30 && c <= 0x39 ? c - 0x30 : (c | 0x20) >= 0x61 && (c | 0x20) <= 0x66 ? (c | 0x20) - 0x57 : -1;
          if (digit < 0) this.#refuse(base + i, 'a bad \\u escape');
          this.#hexValue = (this.#hexValue << 4) | digit;
          if (--this.#hexLeft === 0) {
            this.#endHex(base + i);
            state = STRING;
          }
          i++;
          break;
        }
        case NUMBER:
          if (this.#advanceNumber(c)) i++;
          else state = this.#endNumber(base + i); // the byte after a number is looked at again
          break;
        case LITERAL:
          if (c !== this.#literal.charCodeAt(this.#literalAt)) this.#refuse(base + i, `something like "${this.#literal}" misspelt`);
          if (++this.#literalAt === this.#literal.length) state = this.#endValue(base + i + 1);
          i++;
          break;
        default:
          if (c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09) {
            i++;
            break;
          }
          state = this.#structural(state, c, base + i);
          i++;
      }
    }
    this.#state = state;
    this.#offset = base + length;
  }

  /**
   * Ends the text.
   * @throws SwitchyardError `invalid_json` when it stops short or is not one object
   */
  end(): void {
    if (this.#state === NUMBER) this.#state = this.#endNumber(this.#offset);
    if (this.#offset === 0) throw new SwitchyardError('invalid_json', 'The body is empty; send one JSON object.');
    if (this.#state !== DONE) this.#refuse(this.#offset, 'a text that stops short');
    for (let i = 0; i < this.#suspectNumbers.length; i += 2) {
      const start = this.#suspectNumbers[i]!;
      if (!Number.isFinite(Number(this.text(start, this.#suspectNumbers[i + 1]!)))) this.#refuse(start, 'a number that no double can hold');
    }
  }

  /** The bytes from `start` to `end` (absolute) as Latin-1; spans of wanted strings are read with `string`. */
  text(start: number, end: number): string {
    return this.#slice(start, end).toString('latin1');
  }

  /** The decoded value of a wanted field that is a string; undefined when it is absent or something else. */
  string(name: string): string | undefined {
    const span = this.fields.get(name);
    if (span?.kind !== 'string') return undefined;
    const quoted = this.#slice(span.start, span.end).toString();
    return quoted.includes('\\') ? (JSON.parse(quoted) as string) : quoted.slice(1, -1);
  }

  #slice(start: number, end: number): Buffer {
    // Nearly every token lies in the chunk at hand; without this, 100 000 keys in 1 000 chunks would cost 10⁸ steps.
    const last = this.#last!;
    if (start >= this.#offset && end <= this.#offset + last.length) return last.subarray(start - this.#offset, end - this.#offset);
    let at = 0;
    const parts: Buffer[] = [];
    for (const chunk of [...(this.#before ?? []), last]) {
      if (at + chunk.length > start && at < end) parts.push(chunk.subarray(Math.max(0, start - at), Math.min(chunk.length, end - at)));
      at += chunk.length;
    }
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  }

  #refuse(at: number, what: string): never {
    throw new SwitchyardError('invalid_json', `The body is not valid JSON: ${what} at byte ${at}.`);
  }

  #structural(state: number, c: number, at: number): number {
    switch (state) {
      case FIRST_VALUE:
        if (c === 0x5d) return this.#close(at);
        return this.#startValue(c, at);
      case VALUE:
        return this.#startValue(c, at);
      case FIRST_KEY:
        if (c === 0x7d) return this.#close(at);
        return this.#startKey(c, at);
      case KEY:
        return this.#startKey(c, at);
      case COLON:
        if (c !== 0x3a) this.#refuse(at, 'no colon after a field name');
        return VALUE;
      case COMMA:
        if (c === 0x2c) return this.#inArray() ? VALUE : KEY;
        if (c === (this.#inArray() ? 0x5d : 0x7d)) return this.#close(at);
        return this.#refuse(at, 'neither a comma nor a closing bracket');
      default:
        return this.#refuse(at, 'something after the end');
    }
  }

  #startKey(c: number, at: number): number {
    if (c !== 0x22) this.#refuse(at, 'no field name in quotes');
    if (++this.#keys > MAX_JSON_KEYS) throw new SwitchyardError('json_too_complex', `The body has more than ${MAX_JSON_KEYS} keys.`);
    this.#stringIsKey = true;
    this.#hasEscape = false;
    this.#tokenStart = at;
    return STRING;
  }

  #startValue(c: number, at: number): number {
    if (this.#depth === 0 && c !== 0x7b && !this.#anyRoot) this.#refuse(at, 'no object');
    if (this.#depth === 1 && this.#field !== null) this.#fieldStart = at;
    if (this.#ring !== null && this.#depth === 2 && this.#field === this.#listed) this.#ring[this.#elements++ % this.#ringSize] = at;
    switch (c) {
      case 0x22:
        this.#stringIsKey = false;
        this.#hasEscape = false;
        this.#tokenStart = at;
        this.#fieldKindAtTop('string');
        return STRING;
      case 0x7b:
        this.#fieldKindAtTop('object');
        // A schema may have a property of that name: what it says of that is no id.
        if (this.#depth === this.#filesFrom) this.#filesFrom = 0;
        return this.#open(0);
      case 0x5b:
        this.#fieldKindAtTop('array');
        return this.#open(1);
      case 0x74:
      case 0x66:
      case 0x6e:
        this.#literal = LITERALS[c];
        this.#literalAt = 1;
        this.#fieldKindAtTop(LITERALS[c]);
        return LITERAL;
      default:
        if (c !== 0x2d && (c < 0x30 || c > 0x39)) this.#refuse(at, 'no value');
        this.#tokenStart = at;
        this.#number = c === 0x2d ? N_MINUS : c === 0x30 ? N_ZERO : N_INT;
        this.#fieldKindAtTop('number');
        return NUMBER;
    }
  }

  #fieldKindAtTop(kind: FieldSpan['kind']): void {
    if (this.#depth === 1 && this.#field !== null) this.#fieldKind = kind;
  }

  #open(isArray: 0 | 1): number {
    if (++this.#depth > MAX_JSON_DEPTH) throw new SwitchyardError('json_too_complex', `The body nests deeper than ${MAX_JSON_DEPTH} levels.`);
    const bit = 1 << ((this.#depth - 1) & 31);
    if (this.#depth <= 32) this.#arraysLow = isArray === 1 ? this.#arraysLow | bit : this.#arraysLow & ~bit;
    else this.#arraysHigh = isArray === 1 ? this.#arraysHigh | bit : this.#arraysHigh & ~bit;
    return isArray === 1 ? FIRST_VALUE : FIRST_KEY;
  }

  #inArray(): boolean {
    const bits = this.#depth <= 32 ? this.#arraysLow : this.#arraysHigh;
    return ((bits >>> ((this.#depth - 1) & 31)) & 1) === 1;
  }

  #close(at: number): number {
    this.#depth--;
    return this.#endValue(at + 1);
  }

  #endValue(end: number): number {
    if (this.#depth === 1 && this.#field !== null) {
      this.fields.set(this.#field, { start: this.#fieldStart, end, kind: this.#fieldKind });
      this.#field = null;
    }
    if (this.#depth === this.#filesFrom) this.#filesFrom = 0;
    return this.#depth === 0 ? DONE : COMMA;
  }

  #endString(at: number): number {
    if (this.#highSurrogate) this.#refuse(at, 'half a surrogate pair');
    if (!this.#stringIsKey) {
      if (this.#filesFrom !== 0) this.#takeFile(at + 1);
      return this.#endValue(at + 1);
    }
    if (this.#filesFrom === 0 && this.#isFileField(at + 1)) this.#filesFrom = this.#depth;
    if (this.#depth === 1) {
      // A key may be spelt with escapes ("mod\u0065l").
      const name = this.#decoded(this.#tokenStart, at + 1);
      this.#field = this.#wanted.has(name) ? name : null;
      if (this.#field !== null && this.fields.has(name)) {
        throw new SwitchyardError('duplicate_parameter', `The body has the field "${name}" twice; which one counts would be a guess.`, { param: name });
      }
    }
    return COLON;
  }

  /** @param end  Of a key, behind its quote. */
  #isFileField(end: number): boolean {
    const start = this.#tokenStart;
    return mayNameFiles(end - start - 2, this.#last![start + 1 - this.#offset], this.#hasEscape) && FILE_FIELDS.has(this.#decoded(start, end));
  }

  /** @param end  Of a string, behind its quote. */
  #takeFile(end: number): void {
    // An escape is six bytes at most for one character.
    if (end - this.#tokenStart > MAX_FILE_ID * 6 + 2 || (this.#files !== null && this.#files.size > MAX_FILES)) return;
    const id = this.#decoded(this.#tokenStart, end);
    if (id === '' || id.length > MAX_FILE_ID) return;
    (this.#files ??= new Set()).add(id);
  }

  /** The string from `start` to `end` (absolute), quotes included, as it is meant: two spellings of one are the same to an upstream, so they must be to us. */
  #decoded(start: number, end: number): string {
    const raw = this.#slice(start, end);
    return this.#hasEscape ? (JSON.parse(raw.toString()) as string) : raw.toString('utf8', 1, raw.length - 1);
  }

  #endHex(at: number): void {
    const isHigh = this.#hexValue >= 0xd800 && this.#hexValue <= 0xdbff;
    const isLow = this.#hexValue >= 0xdc00 && this.#hexValue <= 0xdfff;
    if (this.#highSurrogate !== isLow) this.#refuse(at, 'half a surrogate pair');
    this.#highSurrogate = isHigh;
  }

  /** Moves within a number; false when the byte is no part of it. */
  #advanceNumber(c: number): boolean {
    const digit = c >= 0x30 && c <= 0x39;
    const exponent = c === 0x65 || c === 0x45;
    switch (this.#number) {
      case N_MINUS:
        if (!digit) return false;
        this.#number = c === 0x30 ? N_ZERO : N_INT;
        return true;
      case N_ZERO:
      case N_INT:
        if (digit && this.#number === N_INT) return true;
        if (c === 0x2e) this.#number = N_POINT;
        else if (exponent) this.#number = N_E;
        else return false;
        return true;
      case N_POINT:
      case N_FRACTION:
        if (digit) this.#number = N_FRACTION;
        else if (exponent && this.#number === N_FRACTION) this.#number = N_E;
        else return false;
        return true;
      case N_E:
        if (c === 0x2b || c === 0x2d) this.#number = N_SIGN;
        else if (digit) this.#number = N_EXPONENT;
        else return false;
        return true;
      default:
        if (!digit) return false;
        this.#number = N_EXPONENT;
        return true;
    }
  }

  #endNumber(at: number): number {
    const where = this.#number;
    if (where !== N_ZERO && where !== N_INT && where !== N_FRACTION && where !== N_EXPONENT) this.#refuse(at, 'a number cut short');
    // Only an exponent or more than 308 digits can overflow; those few are checked by value at the end.
    if (where === N_EXPONENT || at - this.#tokenStart > 308) {
      if (this.#suspectNumbers.length >= 20_000) throw new SwitchyardError('json_too_complex', 'The body has more than 10000 numbers with an exponent.');
      this.#suspectNumbers.push(this.#tokenStart, at);
    }
    return this.#endValue(at);
  }
}
