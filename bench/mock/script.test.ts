import { expect, test } from 'vitest';
import { chatBody } from '../load/request.ts';
import { readScript, writeScript } from './script.ts';
import type { StreamScript } from './script.ts';

test('a script comes through a request body', () => {
  for (const mode of ['flat', 'paced', 'credit'] as const) {
    const script: StreamScript = { mode, events: 500, eventBytes: 220, paceMs: 20, id: 63 };
    expect(readScript(chatBody(writeScript(script)).toString('latin1'))).toEqual(script);
  }
});

test('a body without a script asks for a unary answer, and a garbled one is refused', () => {
  expect(readScript(chatBody().toString('latin1'))).toBeUndefined();
  expect(() => readScript('{"user":"bench-stream soon 1"}')).toThrow('The mock cannot read the script');
});

test('a padded body has exactly the asked length and is JSON', () => {
  const body = chatBody(undefined, 1_048_576);
  expect(body.length).toBe(1_048_576);
  expect((JSON.parse(body.toString('latin1')) as { model: string }).model).toBe('bench');
});
