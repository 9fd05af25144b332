import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { countTokens, firstTokens } from './count-tokens.ts';
import { objectAt } from './json.ts';
import type { Prompt } from './turn.ts';
import { inWords, speak } from './turn.ts';

const prompt = (over: Partial<Prompt>): Prompt => ({ user: '', toolOutputs: [], tools: [], toolChoice: 'auto', parallelCalls: true, ...over });
const tool = (name: string, kind: 'function' | 'custom' = 'function'): Prompt['tools'][number] => ({ name, kind, parameters: { type: 'object' } });

describe('the model', () => {
  test('calls a tool only when it is offered and asked for', () => {
    expect(speak(prompt({ user: 'please call look', tools: [tool('look')] })).calls).toEqual([{ name: 'look', kind: 'function', input: '{}' }]);
    expect(speak(prompt({ user: 'please call hide', tools: [tool('look')] })).calls).toEqual([]);
    expect(speak(prompt({ user: 'look', tools: [tool('look')] })).calls).toEqual([]);
  });

  test('takes arguments with braces and quotes inside', () => {
    const [call] = speak(prompt({ user: 'call run with {"cmd":"echo \\"}{\\"","n":{"a":1}} now', tools: [tool('run')] })).calls;
    expect(JSON.parse(call?.input ?? '')).toEqual({ cmd: 'echo "}{"', n: { a: 1 } });
  });

  test('obeys a named tool choice, and gives a custom tool text', () => {
    expect(speak(prompt({ user: 'hi', tools: [tool('a'), tool('b', 'custom')], toolChoice: { name: 'b' } })).calls).toEqual([
      { name: 'b', kind: 'custom', input: 'sample' },
    ]);
  });

  test('answers an output with text even when the request would call again', () => {
    const turn = speak(prompt({ user: 'call a', toolOutputs: ['42'], tools: [tool('a')], toolChoice: 'required' }));
    expect(turn).toEqual({ pieces: ['The ', 'tool ', 'answered: ', '42'], calls: [] });
  });

  test('shortens a long quotation without splitting a character', () => {
    const said = speak(prompt({ user: `${'a'.repeat(399)}😀 and more` })).pieces.join('');
    expect(said).toBe(`You said: ${'a'.repeat(399)}…`);
  });
});

test('words join to the text they were cut from', () => {
  fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (text) => inWords(text).join('') === text));
});

test('the first tokens are a beginning of the text and never more than asked for', () => {
  fc.assert(
    fc.property(fc.string(), fc.nat(20), (text, limit) => {
      const kept = firstTokens(text, limit);
      expect(text.startsWith(kept)).toBe(true);
      expect(countTokens(kept)).toBe(Math.min(limit, countTokens(text)));
    }),
  );
});

test('an object is found again in any sentence', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.string(), (value, rest) => {
      const json = JSON.stringify(value);
      expect(JSON.stringify(objectAt(`call x with ${json}${rest}`, 12))).toBe(json);
    }),
  );
});
