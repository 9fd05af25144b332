import fc from 'fast-check';
import { expect, test } from 'vitest';

import { LOG_FIELDS } from './log-fields.ts';
import type { LogFields } from './log-fields.ts';
import { LOG_LEVELS, createLogger } from './logger.ts';
import type { LogLevel, Logger } from './logger.ts';

function capture(level: LogLevel = 'debug'): { log: Logger; lines: string[]; last: () => Record<string, unknown> } {
  const lines: string[] = [];
  const log = createLogger({ level, component: 'test', destination: { write: (line) => void lines.push(line) } });
  return { log, lines, last: () => JSON.parse(lines.at(-1)!) as Record<string, unknown> };
}

test('a line has a word for its level, an ISO time, its component, event, fields and message', () => {
  const { log, last } = capture();
  log.info('request_settled', 'answered', { request_id: 'req_1', status: 200, duration_ms: 1.5, streamed: true, model: null, account: undefined });
  const line = last();
  expect(line).toEqual({
    level: 'info',
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    component: 'test',
    event: 'request_settled',
    request_id: 'req_1',
    status: 200,
    duration_ms: 1.5,
    streamed: true,
    model: null,
    msg: 'answered',
  });
});

test('levels are ordered from debug to critical, and those below the chosen one are silent', () => {
  LOG_LEVELS.forEach((chosen, n) => {
    const { log, lines } = capture(chosen);
    for (const level of LOG_LEVELS) log[level]('e', 'm');
    expect(lines.map((line) => (JSON.parse(line) as { level: string }).level)).toEqual(LOG_LEVELS.slice(n));
  });
});

test('a child writes under its own component', () => {
  const { log, last } = capture();
  log.child({ component: 'gateway' }).child({ component: 'relay' }).warn('e', 'm');
  expect(last()['component']).toBe('relay');
});

test('a field that the table lacks, or of another kind, is left out and said once per name', () => {
  const { log, lines } = capture();
  const fields = { body: 'a prompt', status: 'two hundred', port: Number.NaN, names: 'x', request_id: 'req_1' } as unknown as LogFields;
  for (let n = 0; n < 3; n++) log.info('e', 'm', fields);
  const parsed = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(parsed.filter((line) => line['event'] === 'log_field_refused').map((line) => line['name'])).toEqual(['body', 'status', 'port', 'names']);
  const plain = parsed.filter((line) => line['event'] === 'e');
  expect(plain).toHaveLength(3);
  for (const line of plain) expect(Object.keys(line)).toEqual(['level', 'time', 'component', 'event', 'request_id', 'msg']);
});

test('names made of data cannot grow the memory of refused fields', () => {
  const { log, lines } = capture();
  for (let n = 0; n < 1_000; n++) log.info('e', 'm', { [`made_up_${n}`]: 1 } as LogFields);
  expect(lines.filter((line) => line.includes('log_field_refused'))).toHaveLength(100);
});

test('one event is one line of valid JSON, whatever it holds', () => {
  const text = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('a\r\nb', '\u2028', '\u001b[2J', '"},{"level":"critical"', '\ud800'));
  fc.assert(
    fc.property(text, text, text, (event, message, value) => {
      const { log, lines } = capture();
      log.error(event, message, { reason: value, names: [value], error: new Error(value) });
      expect(lines).toHaveLength(1);
      expect(lines[0]).toMatch(/^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*\n$/);
      expect(JSON.parse(lines[0]!)).toMatchObject({ level: 'error', component: 'test' });
    }),
  );
});

test('of 200 canary secrets in every shape of input none reaches a line (fault row E14)', () => {
  const { log, lines } = capture();
  const canaries = Array.from({ length: 200 }, (_, n) => `CANARY${String(n).padStart(3, '0')}notAsecretQ7w8E9r0T1y2`);
  // How a secret stands in a text. Its raw form is covered by the last: nothing but its length and mixture gives it away.
  const texts: ((secret: string) => string)[] = [
    (s) => `sk-proj-${s}`,
    (s) => `Authorization: Bearer ${s}`,
    (s) => `postgres://user:${s}@localhost/db`,
    (s) => `https://h/v1?api_key=${s}`,
    (s) => `https://h/cb?code=${s}&state=1`,
    (s) => `{"access_token":"${s}"}`,
    (s) => JSON.stringify(JSON.stringify({ client_secret: s })),
    (s) => `OPENAI_API_KEY=${s}`,
    (s) => `Set-Cookie: session=${s}; Path=/`,
    (s) => `swadm-${s}`,
    (s) => `password: ${s}`,
    (s) => `-----BEGIN PRIVATE KEY-----\n${s}`,
    (s) => `x-api-key: ${s}`,
    (s) => `eyJ${s}.${s}.${s}`,
    (s) => `opaque ${s}abc123XYZ`,
  ];
  const places: ((text: string, secret: string) => void)[] = [
    (text) => log.error('e', text),
    (text) => log.error('e', 'm', { reason: text }),
    (text) => log.error('e', 'm', { names: [text] }),
    (text) => log.error('e', 'm', { error: new Error(text) }),
    (text) => log.error('e', 'm', { error: new Error('x', { cause: new AggregateError([new TypeError(text)], text) }) }),
    (text) => log.error('e', 'm', { error: text }),
    (text, secret) => log.error('e', 'm', { error: Object.assign(new Error('x'), { config: { headers: { authorization: secret } }, body: text }) }),
    (text, secret) => log.error('e', 'm', { error: { request: { headers: ['authorization', secret], url: text } } }),
    (_, secret) => log.error('e', 'm', { headers: { authorization: secret }, body: secret, prompt: secret } as unknown as LogFields),
    (text, secret) => log.error('e', 'm', { reason: { token: secret, text } } as unknown as LogFields),
    (_, secret) => log.error('e', 'm', { error: new Map([['api_key', secret]]) }),
    (_, secret) => log.error('e', 'm', { error: Buffer.from(secret) }),
    (text) => log.error(text, 'm'),
  ];
  // Every shape meets every place: each canary takes one shape through all places, and one place through all shapes.
  canaries.forEach((secret, n) => {
    for (const place of places) place(texts[n % texts.length]!(secret), secret);
    for (const text of texts) places[n % places.length]!(text(secret), secret);
  });
  const written = lines.join('');
  expect(lines.length).toBeGreaterThan(5_000);
  expect(canaries.filter((secret) => written.includes(secret))).toEqual([]);
  expect(written).not.toContain(Buffer.from(canaries[0]!).toString('base64'));
});

test('every row of the table takes a value of its kind', () => {
  const values = { text: 'x', number: 1, flag: false, list: ['x'], error: 'x' } as const;
  const fields = Object.fromEntries(Object.entries(LOG_FIELDS).map(([name, kind]) => [name, values[kind]])) as LogFields;
  const { log, lines, last } = capture();
  log.info('e', 'm', fields);
  expect(lines).toHaveLength(1);
  expect(last()).toMatchObject(fields);
});
