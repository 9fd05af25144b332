import fc from 'fast-check';
import { expect, test } from 'vitest';
import { JsonScanner } from './json-scanner.ts';
import { sentModel, spliceModel } from './splice-model.ts';

const name = fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }).filter((text) => text.isWellFormed());

test('only the name of the model is another: the bytes around it are as they were, and JSON reads the new one', () => {
  fc.assert(
    fc.property(
      fc.dictionary(
        fc.string().filter((key) => key !== 'model'),
        fc.jsonValue(),
      ),
      fc.dictionary(
        fc.string().filter((key) => key !== 'model'),
        fc.jsonValue(),
      ),
      name,
      name,
      fc.nat(3),
      (before, after, asked, sent, indent) => {
        const pairs = (part: object): string[] => Object.entries(part).map(([key, value]) => `${JSON.stringify(key)}: ${JSON.stringify(value, null, indent)}`);
        const quoted = indent === 0 ? JSON.stringify(asked) : `"${asked.split('').map(escaped).join('')}"`;
        const head = `{${[...pairs(before), '"mod\\u0065l" : '].join(',')}`;
        const tail = [' ', ...pairs(after)].join(',') + '}';
        const body = Buffer.from(head + quoted + tail);
        const scanner = new JsonScanner(new Set(['model']));
        scanner.push(body);
        scanner.end();
        const { start, end } = scanner.fields.get('model')!;
        const spliced = spliceModel({ body, modelAt: start, modelEnd: end }, sent);
        expect(spliced.toString()).toBe(head + JSON.stringify(sent) + tail);
        expect((JSON.parse(spliced.toString()) as { model: string }).model).toBe(sent);
        expect(body.toString()).toBe(head + quoted + tail);
      },
    ),
  );
});

test('an account is asked by its own name for the model, which stands for what the client asked for', () => {
  const mapped = { modelMap: new Map([['gpt', 'prod-gpt']]) };
  const asked = (name_: string | null, model: string | null) => ({ model, facts: { model: name_ } }) as Parameters<typeof sentModel>[0];
  expect(sentModel(asked('gpt', 'gpt'), { modelMap: null })).toBeNull();
  expect(sentModel(asked('gpt', 'gpt'), mapped)).toBe('prod-gpt');
  expect(sentModel(asked('other', 'other'), mapped)).toBeNull();
  expect(sentModel(asked('fast', 'gpt'), { modelMap: null })).toBe('gpt');
  expect(sentModel(asked('fast', 'gpt'), mapped)).toBe('prod-gpt');
  expect(sentModel(asked('prod-gpt', 'gpt'), mapped)).toBeNull();
  expect(sentModel(asked(null, null), mapped)).toBeNull();
});

function escaped(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
