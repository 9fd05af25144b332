import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SwitchyardError } from '@switchyard/contracts';
import { FILE_FIELDS } from './file-fields.ts';
import { JsonScanner } from './json-scanner.ts';

const WANTED = new Set(['model', 'stream', 'n']);

function scan(text: Buffer, cuts: readonly number[] = []): JsonScanner {
  const scanner = new JsonScanner(WANTED);
  const edges = [0, ...[...cuts].sort((a, b) => a - b), text.length];
  for (let i = 1; i < edges.length; i++) scanner.push(text.subarray(edges[i - 1], edges[i]));
  scanner.end();
  return scanner;
}

function verdict(text: string, cuts: readonly number[] = []): string {
  try {
    scan(Buffer.from(text), cuts);
    return 'fine';
  } catch (error) {
    if (error instanceof SwitchyardError) return error.code;
    throw error;
  }
}

const cutsOf = (length: number) => fc.array(fc.integer({ min: 0, max: length }), { maxLength: 12 });

test('every object that JSON.stringify writes is accepted in any chunking, and the wanted fields are read as JSON.parse reads them', () => {
  const object = fc
    .record(
      {
        model: fc.string({ unit: 'grapheme' }),
        stream: fc.boolean(),
        n: fc.double({ noNaN: true, noDefaultInfinity: true }),
        rest: fc.jsonValue({ maxDepth: 6 }),
      },
      { requiredKeys: [] },
    )
    .filter((value) => (JSON.stringify(value) as unknown as { isWellFormed(): boolean }).isWellFormed() && !/\\ud[89a-f]/i.test(JSON.stringify(value)));
  fc.assert(
    fc.property(
      object.chain((value) => {
        const text = Buffer.from(JSON.stringify(value, null, 1));
        return fc.tuple(fc.constant(value), fc.constant(text), cutsOf(text.length));
      }),
      ([value, text, cuts]) => {
        const scanner = scan(text, cuts);
        expect(scanner.string('model')).toBe(value.model);
        expect(scanner.fields.get('stream')?.kind).toBe(value.stream === undefined ? undefined : String(value.stream));
        if (value.n !== undefined) {
          const { start, end } = scanner.fields.get('n')!;
          expect(Number(scanner.text(start, end))).toBe(JSON.parse(JSON.stringify(value.n)));
        }
      },
    ),
    { numRuns: 3_000 },
  );
});

/** What a parser finds: the strings of such members, and all in their arrays. */
function filesIn(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(filesIn);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, held]) => {
    if (!FILE_FIELDS.has(key) || (typeof held === 'object' && !Array.isArray(held))) return filesIn(held);
    return stringsIn(held).filter((id) => id !== '');
  });
}

function stringsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(stringsIn) : [];
}

/** Every character of the strings of a JSON text spelt as an escape. */
const escaped = (text: string): string =>
  text.replace(/"(?:[^"\\]|\\.)*"/g, (quoted) => {
    const units = Array.from({ length: (JSON.parse(quoted) as string).length }, (_, i) => (JSON.parse(quoted) as string).charCodeAt(i));
    return `"${units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('')}"`;
  });

test('files are found as a parser finds them, wherever they are named, however they are spelt, in any chunking', () => {
  const name = fc.oneof(fc.constantFrom(...FILE_FIELDS, 'file', 'content', 'file_ix', 'input_file_ix'), fc.string({ maxLength: 9 }));
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constantFrom('file-1', 'file-2', '', '"file_id":"file-fake"', 7, null, true),
      fc.string({ maxLength: 12 }),
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(name, tie('value'), { maxKeys: 4 }),
    ),
  }));
  fc.assert(
    fc.property(
      fc.dictionary(name, value, { maxKeys: 4 }).filter((body) => !Object.keys(body).includes('__proto__')),
      fc.boolean(),
      fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 8 }),
      (body, isEscaped, cuts) => {
        const plain = JSON.stringify(body);
        const text = Buffer.from(isEscaped ? escaped(plain) : plain);
        const scanner = scan(
          text,
          cuts.map((part) => Math.floor(part * text.length)),
        );
        expect(new Set(scanner.files)).toEqual(new Set(filesIn(JSON.parse(plain))));
      },
    ),
    { numRuns: 3_000 },
  );
});

test('a file that is named twice in one object is found both times', () => {
  expect(scan(Buffer.from('{"a":{"file_id":"file-1","file_id":"file-2"}}')).files).toEqual(['file-1', 'file-2']);
});

test('a text is accepted exactly when JSON.parse accepts it as an object', () => {
  const piece = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"a"',
    '"model"',
    '"',
    '\\',
    '\\u0041',
    '1',
    '-',
    '0',
    '.5',
    'e',
    'e5',
    '+',
    'true',
    'fals',
    'null',
    ' ',
    '\n',
    '\t',
    'x',
    '\u0001',
    'é',
  );
  fc.assert(
    fc.property(
      fc.tuple(fc.array(piece, { maxLength: 14 }), fc.boolean()).chain(([pieces, wrapped]) => {
        const text = wrapped ? `{"k":${pieces.join('')}}` : pieces.join('');
        return fc.tuple(fc.constant(text), cutsOf(Buffer.byteLength(text)));
      }),
      ([text, cuts]) => {
        let expected = false;
        try {
          const value: unknown = JSON.parse(text);
          expected = typeof value === 'object' && value !== null && !Array.isArray(value);
        } catch {
          expected = false;
        }
        const got = verdict(text, cuts);
        if (got !== 'duplicate_parameter') expect(got).toBe(expected ? 'fine' : 'invalid_json');
      },
    ),
    { numRuns: 20_000 },
  );
});

test('what is missing is not called a key, which here is something that clients present', () => {
  expect(() => scan(Buffer.from('{model: 1}'))).toThrow('The body is not valid JSON: no field name in quotes at byte 1.');
});

test.each([
  ['64 levels', '{"a":'.repeat(64).slice(0, -1) + ':1' + '}'.repeat(64), 'fine'],
  ['65 levels', '{"a":' + '['.repeat(64) + ']'.repeat(64) + '}', 'json_too_complex'],
  ['a million levels', '{"a":' + '['.repeat(1_000_000), 'json_too_complex'],
  ['100 001 keys', `{${Array.from({ length: 100_001 }, (_, i) => `"k${i}":0`).join(',')}}`, 'json_too_complex'],
  ['a routed field twice', '{"model":"a","model":"b"}', 'duplicate_parameter'],
  ['a routed field twice, once escaped', '{"model":"a","mod\\u0065l":"b"}', 'duplicate_parameter'],
  ['another field twice', '{"x":1,"x":2}', 'fine'],
  ['1e400', '{"a":1e400}', 'invalid_json'],
  ['0e400', '{"a":0e400}', 'fine'],
  ['400 digits', `{"a":${'9'.repeat(400)}}`, 'invalid_json'],
  ['a lone high surrogate', '{"a":"\\ud800"}', 'invalid_json'],
  ['a lone low surrogate', '{"a":"\\udc00"}', 'invalid_json'],
  ['a high surrogate before a letter', '{"a":"\\ud800b"}', 'invalid_json'],
  ['a surrogate pair', '{"a":"\\ud83d\\ude00"}', 'fine'],
  ['nothing', '', 'invalid_json'],
  ['an array', '[]', 'invalid_json'],
  ['__proto__ as a key', '{"__proto__":{"x":1},"constructor":{"prototype":{}}}', 'fine'],
])('%s: %s is %s', (_name, text, expected) => {
  expect(verdict(text)).toBe(expected);
});

test('nested fields of the same name are not taken for the routed ones', () => {
  const scanner = scan(Buffer.from('{"metadata":{"model":"inner"},"input":[{"model":"deep"}],"model":"outer"}'));
  expect(scanner.string('model')).toBe('outer');
});
