import fc from 'fast-check';
import { parse, stringify } from 'smol-toml';
import { expect, test } from 'vitest';

import { tomlPlaces } from './toml-places.ts';

const TEXT = `# a comment with [brackets] and = signs
top = 1
"quoted key" = 2
a.b . "c.d" = 3   # dotted

[server] # after a header
port = 4700
text = """
[not.a.header]
port = "no"
"""
raw = '''it's
x = 1'''
  inline = { one = 1, two = { three = [1, { four = 4 }] } }

[[accounts]]
name = "first"
models = [
  "a", # "b"
  "c",
]
[accounts.headers]
x-team = "blue"

[[accounts]]
name = 'second'
[[accounts.rules]]
n = 1
[[accounts.rules]]
n = 2
[ "odd [name]" ]
"\\u0041\\"" = true
`;

test.each([
  [['top'], 2, 1],
  [['quoted key'], 3, 1],
  [['a', 'b', 'c.d'], 4, 1],
  [['server'], 6, 1],
  [['server', 'port'], 7, 1],
  [['server', 'text'], 8, 1],
  [['server', 'raw'], 12, 1],
  [['server', 'inline'], 14, 3],
  [['server', 'inline', 'one'], 14, 14],
  [['server', 'inline', 'two', 'three', 1, 'four'], 14, 45],
  [['accounts'], 16, 1],
  [['accounts', 0], 16, 1],
  [['accounts', 0, 'name'], 17, 1],
  [['accounts', 0, 'models', 1], 20, 3],
  [['accounts', 0, 'headers', 'x-team'], 23, 1],
  [['accounts', 1], 25, 1],
  [['accounts', 1, 'name'], 26, 1],
  [['accounts', 1, 'rules', 0, 'n'], 28, 1],
  [['accounts', 1, 'rules', 1, 'n'], 30, 1],
  [['odd [name]', 'A"'], 32, 1],
])('%j stands at %d:%d', (path, line, column) => {
  expect(parse(TEXT)).toBeTypeOf('object');
  expect(tomlPlaces(TEXT)(path)).toEqual({ line, column });
});

test('of what is not there the nearest table above is told, or the first line', () => {
  const placeOf = tomlPlaces(TEXT);
  expect(placeOf(['accounts', 1, 'api_key'])).toEqual({ line: 25, column: 1 });
  expect(placeOf(['nothing', 'here'])).toEqual({ line: 1, column: 1 });
});

test('line ends of Windows change no line', () => {
  expect(tomlPlaces(TEXT.replaceAll('\n', '\r\n'))(['accounts', 1, 'rules', 1, 'n'])).toEqual({ line: 30, column: 1 });
});

test('every key of any document is found where it stands', () => {
  const name = fc.oneof(fc.stringMatching(/^[a-z][a-z0-9_-]{0,6}$/), fc.string({ minLength: 1, maxLength: 6 })).filter((each) => each !== '__proto__');
  const { table } = fc.letrec<{ table: Record<string, unknown>; value: unknown }>((tie) => ({
    table: fc.dictionary(name, tie('value'), { maxKeys: 4 }),
    value: fc.oneof(
      { depthSize: 'small' },
      fc.string(),
      fc.integer(),
      fc.boolean(),
      fc.array(fc.string(), { maxLength: 3 }),
      fc.array(tie('table'), { minLength: 1, maxLength: 2 }),
      tie('table'),
    ),
  }));
  fc.assert(
    fc.property(table, (document) => {
      const text = stringify(document);
      const lines = text.split('\n');
      const placeOf = tomlPlaces(text);
      const visit = (value: unknown, path: (string | number)[]): void => {
        if (Array.isArray(value)) value.forEach((each, n) => visit(each, [...path, n]));
        else if (typeof value === 'object' && value !== null) for (const [key, inner] of Object.entries(value)) visit(inner, [...path, key]);
        else if (typeof path.at(-1) === 'string') {
          const { line, column } = placeOf(path);
          const key = path.at(-1) as string;
          const at = lines[line - 1]!.slice(column - 1);
          expect(parse(at)).toEqual({ [key]: value }); // the line from there on is this entry
        }
      };
      visit(parse(text), []);
    }),
  );
});

test('a text that is no TOML ends in time all the same', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('[', ']', '{', '}', '"', "'", '"""', '=', ',', 'a', '\\', '\n', '#', '.'), { maxLength: 60 }),
      (parts) => tomlPlaces(parts.join(''))(['a']).line >= 1,
    ),
  );
});
