import fc from 'fast-check';
import { expect, test } from 'vitest';
import { usageFrom } from './usage.ts';

const tokens = fc.option(fc.nat(), { nil: undefined });

test('every usage that JSON.stringify writes is read as JSON.parse reads it, in both spellings and with any white space', () => {
  fc.assert(
    fc.property(tokens, tokens, tokens, tokens, fc.boolean(), fc.constantFrom(undefined, 1, '\t'), (input, output, cached, reasoning, isChat, indent) => {
      const usage = isChat
        ? {
            prompt_tokens: input,
            completion_tokens: output,
            total_tokens: 7,
            prompt_tokens_details: { audio_tokens: 9, cached_tokens: cached },
            completion_tokens_details: { reasoning_tokens: reasoning },
          }
        : {
            input_tokens: input,
            input_tokens_details: { cached_tokens: cached },
            output_tokens: output,
            output_tokens_details: { reasoning_tokens: reasoning },
          };
      const text = JSON.stringify({ id: 'x', content: 'he said "usage":{"input_tokens":5}', usage, service_tier: 'default' }, null, indent);
      expect(usageFrom(text)).toEqual({
        inputTokens: input ?? null,
        outputTokens: output ?? null,
        cachedTokens: cached ?? null,
        reasoningTokens: reasoning ?? null,
      });
    }),
  );
});

test('an event that says null is passed over for the one before it', () => {
  expect(usageFrom('data: {"usage":{"prompt_tokens":3}}\n\ndata: {"usage":null}\n\n')).toMatchObject({ inputTokens: 3, outputTokens: null });
  expect(usageFrom('data: {"usage": null}')).toBeNull();
  expect(usageFrom('data: {}')).toBeNull();
});

test.each(['1.5', '-1', '"7"', '1e3', 'null', '9007199254740993', 'true'])('%s is no count', (value) => {
  expect(usageFrom(`{"usage":{"input_tokens":${value}}}`)).toMatchObject({ inputTokens: null });
});
