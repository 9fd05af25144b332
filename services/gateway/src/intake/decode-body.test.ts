import { zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeBody } from './decode-body.ts';
import { JsonScanner } from './json-scanner.ts';
import { BodyMemory } from './read-body.ts';

const MIB = 1_048_576;
const limits = (maxBytes = 64 * MIB) => ({ maxBytes, memory: new BodyMemory(256 * MIB) });

test('whatever was compressed comes back, counted in the memory for bodies', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300_000 }), async (bytes) => {
      const within = limits();
      const body = await decodeBody(zstdCompressSync(bytes), null, within);
      expect(body.equals(Buffer.from(bytes))).toBe(true);
      expect(within.memory.held).toBe(bytes.length);
    }),
    { numRuns: 50 },
  );
});

test('the scanner sees what it holds', async () => {
  const scanner = new JsonScanner(new Set(['model']), false, null);
  await decodeBody(zstdCompressSync(Buffer.from(JSON.stringify({ input: 'x'.repeat(200_000), model: 'gpt-5.5' }))), scanner, limits());
  scanner.end();
  expect(scanner.string('model')).toBe('gpt-5.5');
});

test('one that grows to more than a hundred times itself is refused early, and gives its memory back', async () => {
  const bomb = zstdCompressSync(Buffer.alloc(60 * MIB));
  const within = limits();
  const before = process.cpuUsage();
  await expect(decodeBody(bomb, null, within)).rejects.toMatchObject({ code: 'body_too_large', message: expect.stringContaining('100 times') as string });
  const { user, system } = process.cpuUsage(before);
  expect(user + system).toBeLessThan(100_000);
  expect(within.memory.held).toBe(0);
});

test('one that is larger than a body may be is refused, whatever its growth', async () => {
  const noise = Buffer.from(Array.from({ length: 400_000 }, (_, n) => (n * n * 31 + (n >> 3)) & 255));
  const within = limits(300_000);
  await expect(decodeBody(zstdCompressSync(noise), null, within)).rejects.toMatchObject({
    code: 'body_too_large',
    message: expect.stringContaining('300000') as string,
  });
  expect(within.memory.held).toBe(0);
});

test('a small one may grow as it likes', async () => {
  expect(await decodeBody(zstdCompressSync(Buffer.alloc(MIB)), null, limits())).toHaveLength(MIB);
});

const whole = zstdCompressSync(Buffer.from('{"model":"m"}'));
test.each([
  ['no zstd at all', Buffer.from('{"model":"m"}')],
  ['half of it', whole.subarray(0, whole.length - 3)],
  ['nothing', Buffer.alloc(0)],
  ['bytes behind its end', Buffer.concat([whole, Buffer.from('{"model":"other"}')])],
  ['two frames', Buffer.concat([whole, whole])],
  ['compressed twice', zstdCompressSync(whole)],
])('%s is refused, or comes to the scanner as what it is', async (what, encoded) => {
  const within = limits();
  if (what === 'compressed twice') {
    // One layer is undone; what is left is no JSON.
    const scanner = new JsonScanner(new Set(['model']), false, null);
    await expect(decodeBody(encoded, scanner, within)).rejects.toMatchObject({ code: 'invalid_json' });
  } else await expect(decodeBody(encoded, null, within)).rejects.toMatchObject({ code: 'unsupported_media_type' });
  expect(within.memory.held).toBe(0);
});

test('a frame that asks for a window of 128 MiB is refused', async () => {
  const { constants } = await import('node:zlib');
  const encoded = zstdCompressSync(Buffer.alloc(20 * MIB, 'ab'), { params: { [constants.ZSTD_c_windowLog]: 27, [constants.ZSTD_c_contentSizeFlag]: 0 } });
  await expect(decodeBody(encoded, null, limits())).rejects.toMatchObject({ code: expect.stringMatching(/unsupported_media_type|body_too_large/) as string });
});
