/** The bytes that the mock upstream answers with, all built before the first request. */

const EVENT_HEAD =
  'data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1760000000,"model":"bench","choices":[{"index":0,"delta":{"content":"';
const EVENT_TAIL = '"},"finish_reason":null}]}\n\n';
const NUMBER_DIGITS = 8;
const TIME_DIGITS = 16;

/** Where an event holds its number: eight digits. */
export const EVENT_NUMBER_AT = EVENT_HEAD.length;
/** Where an event holds the moment of its sending, in microseconds of the machine's monotonic clock: sixteen digits, zero when not stamped. */
export const EVENT_TIME_AT = EVENT_NUMBER_AT + NUMBER_DIGITS + 1;
/** The shortest event there is, in bytes. */
export const MIN_EVENT_BYTES = EVENT_TIME_AT + TIME_DIGITS + EVENT_TAIL.length;
/** What ends a stream. */
const DONE_EVENT = Buffer.from('data: [DONE]\n\n', 'latin1');

/** One SSE event of exactly `bytes` bytes, without a time. */
export function eventBytes(number: number, bytes: number): Buffer {
  const filler = 'x'.repeat(bytes - MIN_EVENT_BYTES);
  const text = `${EVENT_HEAD}${String(number).padStart(NUMBER_DIGITS, '0')} ${'0'.repeat(TIME_DIGITS)}${filler}${EVENT_TAIL}`;
  return Buffer.from(text, 'latin1');
}

/** Writes a moment into an event that begins at `at`. */
export function stampEvent(event: Buffer, at: number, microseconds: number): void {
  let rest = Math.round(microseconds);
  for (let digit = TIME_DIGITS - 1; digit >= 0; digit--) {
    event[at + EVENT_TIME_AT + digit] = 48 + (rest % 10);
    rest = Math.floor(rest / 10);
  }
}

/** Reads the eight or sixteen digits that lie at `at`; NaN when something else lies there. */
export function readDigits(bytes: Buffer, at: number, digits: 8 | 16): number {
  let value = 0;
  for (let i = at; i < at + digits; i++) {
    const digit = (bytes[i] as number) - 48;
    if (digit < 0 || digit > 9) return Number.NaN;
    value = value * 10 + digit;
  }
  return value;
}

/** Microseconds of the monotonic clock that all processes of this machine share. */
export function monotonicMicroseconds(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e6 + nanoseconds / 1e3;
}

/** The unary chat completion: about 600 bytes. */
export const UNARY_BODY = Buffer.from(
  JSON.stringify({
    id: 'chatcmpl-bench',
    object: 'chat.completion',
    created: 1_760_000_000,
    model: 'bench',
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content:
            'A gateway is a door with a memory: it knows who came, which of the rooms behind it is free, and what it promised to whom. ' +
            'It should add nothing that anybody can feel, and it should never lose a guest.',
          refusal: null,
          annotations: [],
        },
        logprobs: null,
        finish_reason: 'stop',
      },
    ],
    usage: { prompt_tokens: 19, completion_tokens: 49, total_tokens: 68 },
    system_fingerprint: 'fp_bench',
  }),
  'latin1',
);

const JSON_HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-request-id: req_bench\r\n';

/** A whole JSON response. */
export function jsonResponse(body: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${JSON_HEAD}content-length: ${body.length}\r\n\r\n`, 'latin1'), body]);
}

/** The head of a streamed response. */
export const STREAM_HEAD = Buffer.from(
  'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\nx-request-id: req_bench\r\ntransfer-encoding: chunked\r\n\r\n',
  'latin1',
);

/** One chunk of a chunked body. */
export function chunk(data: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${data.length.toString(16)}\r\n`, 'latin1'), data, Buffer.from('\r\n', 'latin1')]);
}

/** The last event of a stream and the end of its body, for one write. */
export const STREAM_END = Buffer.concat([chunk(DONE_EVENT), Buffer.from('0\r\n\r\n', 'latin1')]);
