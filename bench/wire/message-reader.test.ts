import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MessageReader } from './message-reader.ts';

interface Seen {
  status: number;
  body: string;
}

function collect(side: 'request' | 'response'): { reader: MessageReader; seen: Seen[]; open: () => Seen | undefined } {
  const seen: Seen[] = [];
  let current: Seen | undefined;
  const reader = new MessageReader(side, {
    head: (status) => {
      current = { status, body: '' };
    },
    body: (bytes, from, to) => {
      if (current) current.body += bytes.toString('latin1', from, to);
    },
    end: () => {
      if (current) seen.push(current);
      current = undefined;
    },
  });
  return { reader, seen, open: () => current };
}

const FIXED = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nx-a: b\r\n\r\nhello';
const CHUNKED = 'HTTP/1.1 429 Too Many\r\nTRANSFER-ENCODING: chunked\r\n\r\n3\r\nabc\r\n1A\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\nx-trailer: 1\r\n\r\n';
const EMPTY = 'HTTP/1.1 204 No Content\r\n\r\n';
const INTERIM = 'HTTP/1.1 100 Continue\r\n\r\n';

test('the same messages are read however the bytes are split', () => {
  const wire = Buffer.from(FIXED + INTERIM + CHUNKED + EMPTY + FIXED, 'latin1');
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: wire.length - 1 }), { maxLength: 40 }), (cuts) => {
      const { reader, seen } = collect('response');
      let from = 0;
      for (const to of [...cuts.toSorted((a, b) => a - b), wire.length]) {
        if (to > from) reader.push(Buffer.from(wire.subarray(from, to)));
        from = Math.max(from, to);
      }
      expect(seen).toEqual([
        { status: 200, body: 'hello' },
        { status: 429, body: 'abcabcdefghijklmnopqrstuvwxyz' },
        { status: 204, body: '' },
        { status: 200, body: 'hello' },
      ]);
      expect(reader.idle).toBe(true);
    }),
  );
});

test('a response without a length ends with its connection', () => {
  const { reader, seen, open } = collect('response');
  reader.push(Buffer.from('HTTP/1.1 200 OK\r\n\r\nhalf and '));
  reader.push(Buffer.from('half'));
  expect(seen).toEqual([]);
  expect(open()?.body).toBe('half and half');
  expect(reader.close()).toBe(true);
  expect(seen).toEqual([{ status: 200, body: 'half and half' }]);
});

test('closing in the middle of a message says that it was cut', () => {
  for (const piece of [FIXED.slice(0, -1), CHUNKED.slice(0, -2), 'HTTP/1.1 2']) {
    const { reader } = collect('response');
    reader.push(Buffer.from(piece));
    expect(reader.close()).toBe(false);
  }
});

test('a request without a body is whole at the end of its head, and pipelined ones follow', () => {
  const { reader, seen } = collect('request');
  reader.push(Buffer.from('GET /healthz HTTP/1.1\r\nhost: a:1\r\n\r\nPOST / HTTP/1.1\r\ncontent-length: 2\r\n\r\nok'));
  expect(seen).toEqual([
    { status: 0, body: '' },
    { status: 0, body: 'ok' },
  ]);
});

test('what is not HTTP is refused', () => {
  expect(() => collect('response').reader.push(Buffer.from('SSH-2.0-OpenSSH_9.2\r\n\r\n'))).toThrow('Not a response');
  expect(() => collect('response').reader.push(Buffer.from('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n'))).toThrow('Not a chunk size');
});

test('bytes past the given length are not read', () => {
  const { reader, seen } = collect('response');
  reader.push(Buffer.from(FIXED + 'rubbish'), FIXED.length);
  expect(seen).toHaveLength(1);
  expect(reader.idle).toBe(true);
});

test('a peer that announces to close is believed', () => {
  const { reader } = collect('response');
  reader.push(Buffer.from('HTTP/1.1 200 OK\r\nConnection: keep-alive\r\ncontent-length: 0\r\n\r\n'));
  expect(reader.closing).toBe(false);
  reader.push(Buffer.from('HTTP/1.1 401 Unauthorized\r\nConnection: close\r\ncontent-length: 0\r\n\r\n'));
  expect(reader.closing).toBe(true);
});
