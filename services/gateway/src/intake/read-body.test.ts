import { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { JsonScanner } from './json-scanner.ts';
import { BodyMemory, readBody } from './read-body.ts';

/** A request whose body the test sends, and what was done to it. */
class FakeRequest extends EventEmitter {
  paused = false;
  pause(): void {
    this.paused = true;
  }
}

function reading(options: { length?: number | null; chunked?: boolean; expects?: boolean; max?: number; memory?: BodyMemory; scanner?: JsonScanner }) {
  const request = new FakeRequest();
  const memory = options.memory ?? new BodyMemory(1_000_000);
  let continues = 0;
  const body = readBody(
    request as unknown as IncomingMessage,
    { writeContinue: () => continues++ } as unknown as ServerResponse,
    { contentLength: options.length ?? null, isChunked: options.chunked ?? false, expectsContinue: options.expects ?? false },
    options.scanner ?? null,
    { maxBytes: options.max ?? 100, memory },
    (whole) => whole,
  );
  return { request, body, memory, continues: () => continues };
}

test('a body comes whole, whatever its pieces, and its bytes are accounted for', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 5 }), async (pieces) => {
      const { request, body, memory } = reading({ chunked: true });
      for (const piece of pieces) request.emit('data', Buffer.from(piece));
      request.emit('end');
      const whole = Buffer.concat(pieces.map((piece) => Buffer.from(piece)));
      expect(await body).toEqual(whole);
      expect(memory.held).toBe(whole.length);
    }),
  );
});

test('without a body nothing is read and nothing asked for', async () => {
  for (const length of [null, 0]) {
    const { request, body, continues } = reading({ length, expects: true });
    expect(await body).toHaveLength(0);
    expect([request.listenerCount('data'), continues()]).toEqual([0, 0]);
  }
});

test('one that declares too much is refused before it is read or asked for', async () => {
  const { request, body, continues } = reading({ length: 101, expects: true });
  await expect(body).rejects.toMatchObject({ code: 'body_too_large' });
  expect([request.listenerCount('data'), continues()]).toEqual([0, 0]);
});

test('one that turns out too long is refused at the limit, and gives back what it held', async () => {
  const { request, body, memory } = reading({ chunked: true });
  request.emit('data', Buffer.alloc(60));
  expect(memory.held).toBe(60);
  request.emit('data', Buffer.alloc(60));
  await expect(body).rejects.toMatchObject({ code: 'body_too_large' });
  expect([memory.held, request.paused, request.listenerCount('data')]).toEqual([0, true, 0]);
});

test('a client that waits is told to go on, once', async () => {
  const { request, body, continues } = reading({ length: 2, expects: true });
  expect(continues()).toBe(1);
  request.emit('data', Buffer.from('{}'));
  request.emit('end');
  expect((await body)?.toString()).toBe('{}');
});

test('a client that leaves gives null, and back what it held', async () => {
  const { request, body, memory } = reading({ length: 50 });
  request.emit('data', Buffer.alloc(20));
  request.emit('close');
  expect([await body, memory.held]).toEqual([null, 0]);
});

test('all bodies together have a limit too; the one that would break it is refused', async () => {
  const memory = new BodyMemory(100);
  const first = reading({ length: 80, memory });
  first.request.emit('data', Buffer.alloc(80));
  const second = reading({ length: 80, memory });
  second.request.emit('data', Buffer.alloc(15));
  second.request.emit('data', Buffer.alloc(15));
  await expect(second.body).rejects.toMatchObject({ code: 'server_is_overloaded' });
  expect(memory.held).toBe(80);
});

test('what the scanner refuses is refused at once, not at the end', async () => {
  const { request, body, memory } = reading({ chunked: true, scanner: new JsonScanner(new Set()) });
  request.emit('data', Buffer.from('{"a":nonsense'));
  await expect(body).rejects.toMatchObject({ code: 'invalid_json' });
  expect(memory.held).toBe(0);
});
