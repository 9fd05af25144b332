import { expect, test } from 'vitest';
import { sampleValue } from './sample-value.ts';

const node = {
  $defs: {
    node: {
      type: 'object',
      properties: { value: { type: 'integer' }, next: { anyOf: [{ $ref: '#/$defs/node' }, { type: 'null' }] } },
      required: ['value', 'next'],
    },
  },
  $ref: '#/$defs/node',
};

test.each([
  [{ type: 'string' }, 'sample'],
  [{ type: 'string', minLength: 8 }, 'sample..'],
  [{ type: 'string', maxLength: 3 }, 'sam'],
  [{ type: 'string', format: 'date' }, '2026-01-01'],
  [{ type: 'integer' }, 0],
  [{ type: 'integer', minimum: 5 }, 5],
  [{ type: 'integer', exclusiveMinimum: 5 }, 6],
  [{ type: 'integer', maximum: -3 }, -3],
  [{ type: 'integer', minimum: 5, multipleOf: 4 }, 8],
  [{ type: 'number', minimum: 0.25 }, 0.25],
  [{ type: 'boolean' }, true],
  [{ type: 'null' }, null],
  [{ type: ['null', 'string'] }, 'sample'],
  [{ const: 7 }, 7],
  [{ enum: ['b', 'a'] }, 'b'],
  [{ type: 'array', items: { type: 'integer' }, minItems: 2 }, [0, 0]],
  [{ type: 'array', items: { type: 'integer' } }, []],
  [{ anyOf: [{ type: 'null' }, { type: 'string' }] }, 'sample'],
  [
    {
      allOf: [
        { properties: { a: { type: 'integer' } }, required: ['a'] },
        { properties: { b: { type: 'boolean' } }, required: ['b'] },
      ],
    },
    { a: 0, b: true },
  ],
  [{ type: 'object', properties: { a: { type: 'string' }, optional: { type: 'string' } }, required: ['a'] }, { a: 'sample' }],
  [{ properties: { a: { const: 1 } }, required: ['a'] }, { a: 1 }],
  [node, { value: 0, next: null }],
])('%j is filled with %j', (schema, value) => {
  expect(sampleValue(schema)).toEqual(value);
});

test('a recursion without an end in the schema ends all the same', () => {
  const endless = { $defs: { a: { type: 'object', properties: { a: { $ref: '#/$defs/a' } }, required: ['a'] } }, $ref: '#/$defs/a' };
  expect(JSON.stringify(sampleValue(endless))).toContain('null');
});
