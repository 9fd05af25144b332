import { createHash } from 'node:crypto';
import { countTokens } from './count-tokens.ts';
import type { Reply } from './reply.ts';
import { jsonReply, refuse } from './reply.ts';
import type { Call } from './world.ts';

const DEFAULT_DIMENSIONS = 256;
const MOST_DIMENSIONS = 4_096;

/**
 * `POST /v1/embeddings` (openai-api 6): a unit vector made from a hash of the input, so that equal inputs have equal vectors.
 * `base64` is little-endian float32, the form that the SDK asks for by default.
 */
export function embeddings(call: Call): Reply {
  const { body } = call;
  const inputs = inputsOf(body['input']);
  if (inputs === undefined)
    return refuse(400, { message: "'input' must be a non-empty string, list of strings, or list of token ids.", param: 'input', code: 'invalid_value' });
  const dimensions = body['dimensions'] ?? DEFAULT_DIMENSIONS;
  if (typeof dimensions !== 'number' || !Number.isInteger(dimensions) || dimensions < 1 || dimensions > MOST_DIMENSIONS) {
    return refuse(400, { message: `'dimensions' must be a whole number from 1 to ${MOST_DIMENSIONS}.`, param: 'dimensions', code: 'invalid_value' });
  }
  const data = inputs.map((input, index) => {
    const vector = vectorOf(JSON.stringify(input), dimensions);
    return { object: 'embedding', index, embedding: body['encoding_format'] === 'base64' ? base64(vector) : vector };
  });
  const tokens = inputs.reduce<number>((sum, input) => sum + (typeof input === 'string' ? countTokens(input) : input.length), 0);
  return jsonReply({ object: 'list', model: body['model'], data, usage: { prompt_tokens: tokens, total_tokens: tokens } });
}

function inputsOf(input: unknown): readonly (string | readonly unknown[])[] | undefined {
  if (typeof input === 'string') return input === '' ? undefined : [input];
  if (!Array.isArray(input) || input.length === 0) return undefined;
  if (input.every((each) => typeof each === 'string')) return input;
  if (input.every((each) => typeof each === 'number')) return [input];
  return input.every((each) => Array.isArray(each)) ? (input as readonly (readonly unknown[])[]) : undefined;
}

function vectorOf(text: string, dimensions: number): readonly number[] {
  const bytes = createHash('shake256', { outputLength: dimensions * 2 })
    .update(text)
    .digest();
  const raw = Array.from({ length: dimensions }, (_, index) => bytes.readInt16LE(index * 2));
  const length = Math.hypot(...raw) || 1;
  return raw.map((value) => Math.fround(value / length));
}

function base64(vector: readonly number[]): string {
  const bytes = Buffer.alloc(vector.length * 4);
  vector.forEach((value, index) => bytes.writeFloatLE(value, index * 4));
  return bytes.toString('base64');
}
