import { expect, test } from 'vitest';
import { EVENT_NUMBER_AT, EVENT_TIME_AT, MIN_EVENT_BYTES, UNARY_BODY, chunk, eventBytes, jsonResponse, readDigits, stampEvent } from './bytes.ts';

test('an event has the asked size, its number, and JSON that a client can read', () => {
  for (const size of [MIN_EVENT_BYTES, 220, 4096]) {
    const event = eventBytes(17, size);
    expect(event.length).toBe(size);
    expect(readDigits(event, EVENT_NUMBER_AT, 8)).toBe(17);
    const text = event.toString('latin1');
    expect(text.endsWith('\n\n')).toBe(true);
    expect((JSON.parse(text.slice('data: '.length)) as { object: string }).object).toBe('chat.completion.chunk');
  }
});

test('a stamp is read back and changes nothing else', () => {
  const event = eventBytes(3, 220);
  const stamped = Buffer.from(event);
  stampEvent(stamped, 0, 1_234_567_890_123.4);
  expect(readDigits(stamped, EVENT_TIME_AT, 16)).toBe(1_234_567_890_123);
  stampEvent(stamped, 0, 0);
  expect(stamped.equals(event)).toBe(true);
});

test('what is no digit is not read as a number', () => {
  expect(readDigits(Buffer.from('1234x678'), 0, 8)).toBeNaN();
  expect(readDigits(Buffer.from('123'), 0, 8)).toBeNaN();
});

test('the unary answer is about 600 bytes and framed by its length', () => {
  expect(UNARY_BODY.length).toBeGreaterThan(500);
  expect(UNARY_BODY.length).toBeLessThan(800);
  expect(jsonResponse(UNARY_BODY).toString('latin1')).toContain(`content-length: ${UNARY_BODY.length}\r\n\r\n{`);
  expect(chunk(Buffer.from('x'.repeat(26))).toString('latin1')).toBe(`1a\r\n${'x'.repeat(26)}\r\n`);
});
