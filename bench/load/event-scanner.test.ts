import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EventScanner } from './event-scanner.ts';

test('each event is found once, in order and in one piece, however the body is split', () => {
  const events = ['data: 1\n\n', 'event: x\ndata: {"a":"b"}\n\n', 'data: [DONE]\n\n', ': quiet\n\n'];
  const wire = Buffer.from(events.join(''));
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: wire.length - 1 }), { maxLength: 30 }), (cuts) => {
      const seen: string[] = [];
      const scanner = new EventScanner((bytes, from, to) => seen.push(bytes.toString('latin1', from, to)));
      let from = 0;
      for (const to of [...cuts.toSorted((a, b) => a - b), wire.length]) {
        if (to > from) scanner.push(wire, from, to);
        from = Math.max(from, to);
      }
      expect(seen).toEqual(events);
      expect(scanner.idle).toBe(true);
    }),
  );
});

test('an event without its blank line is not told, and what lies beyond the piece is not read', () => {
  const seen: string[] = [];
  const scanner = new EventScanner((bytes, from, to) => seen.push(bytes.toString('latin1', from, to)));
  scanner.push(Buffer.from('data: 1\n\nrubbish'), 0, 8);
  expect(seen).toEqual([]);
  expect(scanner.idle).toBe(false);
});
