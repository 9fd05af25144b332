import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Behaviour } from './behaviour.ts';
import type { Clock } from './clock.ts';
import type { MALFORMATIONS } from './malform.ts';
import type { Simulator } from './open-simulator.ts';
import { openSimulator } from './open-simulator.ts';
import { PRESETS } from './presets.ts';

/** A clock on which time passes only when told to. */
class SteppedClock implements Clock {
  #now = 1_795_000_000_000;
  readonly #timers = new Set<{ at: number; run: () => void }>();

  now(): number {
    return this.#now;
  }

  after(ms: number, run: () => void): () => void {
    const timer = { at: this.#now + ms, run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  get armed(): readonly number[] {
    return Array.from(this.#timers, ({ at }) => at - this.#now);
  }

  step(ms: number): void {
    this.#now += ms;
    for (const timer of Array.from(this.#timers)) if (timer.at <= this.#now && this.#timers.delete(timer)) timer.run();
  }
}

let clock: SteppedClock;
let simulator: Simulator;
const sockets: Socket[] = [];

beforeEach(async () => {
  clock = new SteppedClock();
  simulator = await openSimulator({ mode: 'scriptable', clock, nonce: 'wire' });
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await simulator[Symbol.asyncDispose]();
});

interface Heard {
  readonly socket: Socket;
  /** All bytes so far, as Latin-1. */
  text(): string;
  chunks(): readonly Buffer[];
  /** Resolves when the connection has ended; with the error's code when it was reset. */
  readonly ended: Promise<string>;
  until(part: string): Promise<void>;
}

function send(path: string, body: unknown, extra = 'connection: close\r\n'): Heard {
  const json = Buffer.from(JSON.stringify(body));
  const socket = connect(simulator.port, '127.0.0.1');
  sockets.push(socket);
  const heard: Buffer[] = [];
  const waiting = new Set<() => void>();
  socket.on('data', (chunk: Buffer) => {
    heard.push(chunk);
    for (const wake of waiting) wake();
  });
  let code = 'end';
  socket.on('error', (error: NodeJS.ErrnoException) => (code = error.code ?? 'error'));
  const { promise: ended, resolve } = Promise.withResolvers<string>();
  socket.once('close', () => resolve(code));
  socket.write(`POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${json.length}\r\n${extra}\r\n`);
  socket.write(json);
  const text = (): string => Buffer.concat(heard).toString('latin1');
  return {
    socket,
    text,
    chunks: () => heard,
    ended,
    async until(part) {
      while (!text().includes(part)) {
        const { promise, resolve } = Promise.withResolvers<void>();
        waiting.add(resolve);
        await promise;
        waiting.delete(resolve);
      }
    },
  };
}

const chat = (content = 'one two three'): object => ({ model: 'm', stream: true, messages: [{ role: 'user', content }] });
const responses = { model: 'm', stream: true, input: 'one two three' };
const play = (answer: Behaviour): void => simulator.script({ rules: [{ answer }] });
const events = (text: string): readonly string[] => text.match(/data: .*/g) ?? [];

describe('the way the bytes travel', () => {
  test('a delay holds the head back, and a pace holds each event back', async () => {
    play({ delayMs: 500, intervalMs: 100, say: { text: ['a', 'b'] } });
    const heard = send('/v1/chat/completions', chat());
    await expect.poll(() => clock.armed).toEqual([500]);
    expect(heard.text()).toBe('');
    clock.step(500);
    await heard.until('"role":"assistant"');
    for (const part of ['"a"', '"b"', '"stop"', '[DONE]']) {
      await expect.poll(() => clock.armed).toEqual([100]);
      expect(heard.text()).not.toContain(part);
      clock.step(100);
      await heard.until(part);
    }
    await heard.ended;
    expect(clock.armed).toEqual([]);
  });

  test('a client that leaves during a delay is counted once and leaves no timer', async () => {
    play({ delayMs: 500 });
    const heard = send('/v1/chat/completions', chat());
    await expect.poll(() => clock.armed).toEqual([500]);
    heard.socket.destroy();
    await simulator.until(({ aborted }) => aborted === 1);
    await expect.poll(() => clock.armed).toEqual([]);
    expect(simulator.counters()).toMatchObject({ received: 1, open: 0, completed: 0, aborted: 1, cut: 0 });
  });

  test.each(['before_head', 'after_head', 2] as const)('an answer held at %s goes on when its gate is released', async (at) => {
    play({ hold: { at, gate: 'go' }, say: { text: ['a', 'b'] } });
    const heard = send('/v1/chat/completions', chat());
    if (at !== 'before_head') await heard.until('\r\n\r\n');
    if (at === 2) await heard.until('"a"');
    await simulator.until(({ open }) => open === 1);
    expect(heard.text()).not.toContain('"b"');
    simulator.release('go');
    await heard.until('[DONE]');
    await simulator.until(({ completed }) => completed === 1);
  });

  test('an answer held without a gate stays until the client leaves', async () => {
    play({ preset: 'silence' });
    const heard = send('/v1/responses', responses);
    await heard.until('response.output_item.added');
    expect(simulator.counters().open).toBe(1);
    heard.socket.destroy();
    await simulator.until(({ aborted }) => aborted === 1);
    expect(simulator.received()[0]).toMatchObject({ unitsSent: 3, outcome: 'aborted_by_client' });
  });

  test('a cut after some events, some bytes, the head or nothing leaves exactly those', async () => {
    simulator.script({
      rules: [
        { answer: { cut: { at: { units: 2 } } } },
        { answer: { cut: { at: { bytes: 10 } } } },
        { answer: { cut: { at: 'after_head' } } },
        { answer: { cut: { at: 'before_head' } } },
      ],
    });
    const bodies: string[] = [];
    for (let round = 0; round < 4; round += 1) {
      const heard = send('/v1/chat/completions', chat(), '');
      expect(await heard.ended).toBe('end');
      bodies.push(heard.text());
    }
    expect(events(bodies[0] ?? '')).toHaveLength(2);
    expect(bodies[0]).not.toMatch(/\r\n0\r\n/);
    expect(bodies[1]?.split('\r\n\r\n')[1]).toBe('a\r\ndata: {"id\r\n');
    expect(bodies[2]).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\n$/);
    expect(bodies[3]).toBe('');
    await simulator.until(({ cut }) => cut === 4);
    expect(simulator.counters()).toMatchObject({ received: 4, open: 0, completed: 0, aborted: 0, cut: 4 });
  });

  test('a reset is a reset', async () => {
    play({ preset: 'reset' });
    expect(await send('/v1/responses', responses).ended).toBe('ECONNRESET');
    await simulator.until(({ cut }) => cut === 1);
  });

  test('chunks arrive verbatim, and raw ones bring their own head', async () => {
    const parts = ['data: h\xc3', '\xa4llo\n', '\ndata: [DONE]\n\n'].map((part) => Buffer.from(part, 'latin1').toString('base64'));
    play({ chunks: parts });
    const cooked = send('/v1/responses', responses);
    await cooked.ended;
    expect(cooked.text().split('\r\n\r\n')[1]).toBe('8\r\ndata: h\xc3\r\n5\r\n\xa4llo\n\r\nf\r\n\ndata: [DONE]\n\n\r\n0');
    play({ raw: true, chunks: [Buffer.from('HTTP/1.1 200 Fine\r\nx-odd: \x01\r\n\r\n').toString('base64'), Buffer.from('body').toString('base64')] });
    const raw = send('/v1/responses', responses, '');
    expect(await raw.ended).toBe('end');
    expect(raw.text()).toBe('HTTP/1.1 200 Fine\r\nx-odd: \x01\r\n\r\nbody');
    await simulator[Symbol.asyncDispose]();
    expect(simulator.counters()).toMatchObject({ received: 2, open: 0, completed: 2, aborted: 0, cut: 0 });
  });

  test('slices cut the same bytes at other places', async () => {
    simulator.script({ rules: [{ answer: {} }, { answer: { slice: 7 } }] });
    const bodyOf = (text: string): string =>
      text
        .split('\r\n\r\n')
        .slice(1)
        .join('\r\n\r\n')
        .replace(/(?:^|\r\n)[0-9a-f]+\r\n/g, '')
        .replace(/chatcmpl-\w+/g, 'ID');
    const whole = send('/v1/chat/completions', chat());
    await whole.ended;
    const sliced = send('/v1/chat/completions', chat());
    await sliced.ended;
    expect(bodyOf(sliced.text())).toBe(bodyOf(whole.text()));
    expect(sliced.text()).toContain('\r\n7\r\ndata: {\r\n');
  });

  test('gzip is gzip, whatever the client accepts', async () => {
    play({ gzip: true });
    const heard = send('/v1/responses', { model: 'm', input: 'zip' }, 'connection: close\r\naccept-encoding: identity\r\n');
    await heard.ended;
    expect(heard.text()).toContain('content-encoding: gzip');
    const chunked = heard.text().slice(heard.text().indexOf('\r\n\r\n') + 4);
    const size = Number.parseInt(chunked, 16);
    const start = chunked.indexOf('\r\n') + 2;
    expect(gunzipSync(Buffer.from(chunked.slice(start, start + size), 'latin1')).toString()).toContain('You said: zip');
  });

  test('a content-length that promises more ends early, and one that promises less leaves bytes over', async () => {
    for (const contentLength of [100, 2]) {
      play({ text: 'hello', contentLength });
      const heard = send('/v1/responses', responses, '');
      expect(await heard.ended).toBe('end');
      expect(heard.text()).toContain(`content-length: ${contentLength}\r\n`);
      expect(heard.text().endsWith('\r\n\r\nhello')).toBe(true);
    }
  });

  test('informational answers come before the head', async () => {
    play({ informational: [{ status: 103, headers: { link: '</style>' } }], text: 'done' });
    const heard = send('/v1/responses', responses);
    await heard.ended;
    expect(heard.text()).toMatch(/^HTTP\/1\.1 103 Informational\r\nlink: <\/style>\r\n\r\nHTTP\/1\.1 200 OK\r\n/);
  });

  test('a stream of many large events holds its promise of count and size', async () => {
    play({ stream: { events: 200, bytes: 4_096 } });
    const heard = send('/v1/chat/completions', chat());
    await heard.ended;
    const sizes = events(heard.text()).map((event) => event.length + 2);
    expect(sizes.filter((size) => size === 4_096)).toHaveLength(200);
    play({ stream: { events: 50, bytes: 1_000 } });
    const told = send('/v1/responses', responses);
    await told.ended;
    const sequence = events(told.text()).map((event) => (JSON.parse(event.slice(6)) as { sequence_number: number }).sequence_number);
    expect(sequence).toEqual(sequence.map((_, index) => index));
    expect(sequence.length).toBeGreaterThanOrEqual(56);
  });

  test('a slow reader holds a huge stream back, and gets all of it', async () => {
    play({ stream: { events: 2_000, bytes: 16_384 } });
    const heard = send('/v1/chat/completions', chat());
    await heard.until('\r\n\r\n');
    heard.socket.pause();
    const settled = async (): Promise<number> => {
      for (let before = -1, now = 0; ; before = now) {
        now = simulator.received()[0]?.unitsSent ?? 0;
        if (now === before) return now;
        for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      }
    };
    expect(await settled()).toBeLessThan(1_900);
    heard.socket.resume();
    await heard.ended;
    expect(heard.text().match(/x{1000}/g)?.length).toBeGreaterThan(2_000);
    expect(simulator.counters()).toMatchObject({ completed: 1, aborted: 0 });
  });

  test('what is open when the simulator is closed counts as cut', async () => {
    play({ hold: { at: 'after_head' } });
    const heard = send('/v1/responses', responses);
    await heard.until('\r\n\r\n');
    await simulator[Symbol.asyncDispose]();
    expect(simulator.counters()).toMatchObject({ open: 0, cut: 1, aborted: 0 });
  });
});

describe('malformed streams', () => {
  const spoiled: Readonly<Record<keyof typeof MALFORMATIONS, (text: string) => unknown>> = {
    crlf: (text) => expect(text).toMatch(/^data: [^\n]*\r\n\r\n/m),
    lone_cr: (text) => expect(text).toMatch(/data: [^\n\r]*\r\r/),
    bom: (text) => expect(text.match(/\xef\xbb\xbf/g)).toHaveLength(1),
    comments: (text) => expect(text.match(/: ping\n\n/g)?.length).toBe(events(text).length),
    no_event_names: (text) => expect(text).not.toContain('event:'),
    no_blank_lines: (text) => expect(text.replace(/\r\n/g, '')).not.toContain('\n\n'),
    bad_utf8: (text) => expect(() => new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(text, 'latin1'))).toThrow(TypeError),
    nul: (text) => expect(text).toContain('"delta":"\0'),
    bad_json: (text) => expect(text).toContain('data: {"type":"response.output_te\n\n'),
  };

  test.each(Object.entries(spoiled))('%s', async (malformed, look) => {
    simulator.script({ rules: [{ answer: { malformed } }] });
    const heard = send('/v1/responses', responses);
    await heard.ended;
    expect(heard.text()).toContain('HTTP/1.1 200 OK');
    look(heard.text());
  });
});

describe('presets and quota', () => {
  test.each([
    ['context_length_exceeded', 400, 'invalid_request_error', 'context_length_exceeded'],
    ['cyber_policy', 400, 'invalid_request_error', 'cyber_policy'],
    ['previous_response_not_found', 400, 'invalid_request_error', 'previous_response_not_found'],
    ['invalid_api_key', 401, 'invalid_request_error', 'invalid_api_key'],
    ['model_not_found', 404, 'invalid_request_error', 'model_not_found'],
    ['rate_limit_exceeded', 429, 'rate_limit_error', 'rate_limit_exceeded'],
    ['usage_limit_reached', 429, 'usage_limit_reached', undefined],
    ['usage_not_included', 429, 'usage_not_included', undefined],
    ['insufficient_quota', 429, 'insufficient_quota', 'insufficient_quota'],
    ['server_is_overloaded', 503, 'service_unavailable_error', 'server_is_overloaded'],
    ['slow_down', 503, 'service_unavailable_error', 'slow_down'],
    ['500', 500, 'server_error', null],
    ['529', 529, 'server_error', null],
  ] as const)('%s answers %i, type %s, code %s', async (preset, status, type, code) => {
    play({ preset });
    const answer = await fetch(`${simulator.url}/v1/responses`, { method: 'POST', body: '{}' });
    expect(answer.status).toBe(status);
    const { error } = (await answer.json()) as { error: { type: string; code?: string | null } };
    expect([error.type, error.code]).toEqual([type, code]);
  });

  test('the usage limit tells when it ends, in the headers and in the body', async () => {
    play({ preset: 'usage_limit_reached' });
    const answer = await fetch(`${simulator.url}/v1/responses`, { method: 'POST', body: '{}' });
    expect(Object.fromEntries([...answer.headers].filter(([name]) => name.startsWith('x-codex')))).toEqual({
      'x-codex-primary-used-percent': '100',
      'x-codex-primary-window-minutes': '300',
      'x-codex-primary-reset-at': '1893456000',
    });
    expect(await answer.json()).toMatchObject({ error: { resets_at: 1_893_456_000, plan_type: 'plus' } });
  });

  test('a plain 429 is not JSON, and the one with retry-after says how long', async () => {
    simulator.script({ rules: [{ answer: { preset: 'rate_limit_plain' } }, { answer: { preset: 'rate_limit_retry_after', headers: { 'x-more': 'yes' } } }] });
    const plain = await fetch(`${simulator.url}/v1/responses`, { method: 'POST', body: '{}' });
    expect([plain.status, plain.headers.get('retry-after'), await plain.text()]).toEqual([429, null, 'Too many requests']);
    const after = await fetch(`${simulator.url}/v1/responses`, { method: 'POST', body: '{}' });
    expect([after.status, after.headers.get('retry-after'), after.headers.get('x-more')]).toEqual([429, '1', 'yes']);
  });

  test.each(Object.keys(PRESETS).filter((name) => name.startsWith('failed_')))('%s ends the stream with that code', async (preset) => {
    play({ preset });
    const heard = send('/v1/responses', responses);
    await heard.ended;
    const last = JSON.parse(events(heard.text()).at(-1)?.slice(6) ?? '{}') as { type: string; response: { error: { code: string } } };
    expect([last.type, last.response.error.code]).toEqual(['response.failed', preset.slice('failed_'.length)]);
  });

  test('eof closes in good order without a last event', async () => {
    play({ preset: 'eof' });
    const heard = send('/v1/responses', responses);
    await heard.ended;
    expect(heard.text()).toMatch(/\r\n0\r\n\r\n$/);
    expect(heard.text()).not.toContain('response.completed');
    await simulator.until(({ completed }) => completed === 1);
  });

  test('quota headers and events ride on a good answer', async () => {
    play({
      quota: {
        primary: { usedPercent: 12.5, windowMinutes: 300, resetAt: 1_893_456_000 },
        secondary: { usedPercent: 3 },
        limitName: 'codex',
        credits: { hasCredits: true, unlimited: false, balance: '12.34' },
      },
      before: [{ type: 'codex.rate_limits', rate_limits: { primary: { used_percent: 55 } } }],
    });
    const heard = send('/v1/responses', responses);
    await heard.ended;
    for (const header of [
      'x-codex-primary-used-percent: 12.5',
      'x-codex-secondary-used-percent: 3',
      'x-codex-limit-name: codex',
      'x-codex-credits-has-credits: true',
      'x-codex-credits-unlimited: false',
      'x-codex-credits-balance: 12.34',
    ])
      expect(heard.text()).toContain(`${header}\r\n`);
    expect(heard.text().split('\r\n\r\n')[1]).toMatch(/^\w+\r\nevent: codex\.rate_limits\ndata: \{"type":"codex\.rate_limits"/);
  });
});

describe('what is recorded', () => {
  test('credentials are prints unless the full record is asked for, and the body is hashed as received', async () => {
    const body = JSON.stringify({ model: 'm', input: 'ä' });
    await fetch(`${simulator.url}/v1/responses`, {
      method: 'POST',
      body,
      headers: { authorization: 'Bearer sk-test-print-not-a-secret', 'x-api-key': 'sk-test-print-not-a-secret' },
    });
    const print = `sha256:${createHash('sha256').update('sk-test-print-not-a-secret').digest('hex').slice(0, 12)}`;
    const [masked] = simulator.received();
    expect(masked).toMatchObject({
      method: 'POST',
      path: '/v1/responses',
      key: print,
      status: 200,
      rule: null,
      bodySha256: createHash('sha256').update(body).digest('hex'),
      bodyBytes: Buffer.byteLength(body),
    });
    expect([masked?.headers['authorization'], masked?.headers['x-api-key']]).toEqual([print, print]);
    expect(JSON.stringify(masked)).not.toContain('not-a-secret');
    expect(simulator.received({ full: true })[0]?.headers['authorization']).toBe('Bearer sk-test-print-not-a-secret');
  });

  test('of three hundred open streams, each that is left, cut or finished is counted once as such', async () => {
    simulator.script({
      rules: [
        { times: 100, answer: { hold: { at: 3 } } },
        { times: 100, answer: { hold: { at: 3, gate: 'finish' } } },
        { times: 100, answer: { hold: { at: 3, gate: 'cut' }, cut: { at: { units: 3 } } } },
      ],
    });
    const heard: Heard[] = [];
    for (let number = 0; number < 300; number += 1) {
      const each = send('/v1/responses', responses);
      await each.until('response.output_item.added');
      heard.push(each);
    }
    expect(simulator.counters()).toMatchObject({ received: 300, open: 300 });
    for (const { socket } of heard.slice(0, 100)) socket.destroy();
    simulator.release('finish');
    simulator.release('cut');
    await simulator.until(({ open }) => open === 0);
    expect(simulator.counters()).toMatchObject({ received: 300, open: 0, completed: 100, aborted: 100, cut: 100 });
    await Promise.all(heard.map(({ ended }) => ended));
    expect(heard.filter((each) => each.text().includes('response.completed'))).toHaveLength(100);
  });

  test('a client that leaves in the middle of its own body counts as one abort', async () => {
    const socket = connect(simulator.port, '127.0.0.1');
    sockets.push(socket);
    socket.write('POST /v1/responses HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{"model":');
    await simulator.until(({ open }) => open === 1);
    socket.destroy();
    await simulator.until(({ aborted }) => aborted === 1);
    expect(simulator.counters().byPath).toEqual({ '/v1/responses': { received: 1, open: 0, completed: 0, aborted: 1, cut: 0 } });
  });

  test('only the newest are kept, while the counters stay exact', async () => {
    await using small = await openSimulator({ mode: 'scriptable', keep: 3 });
    for (let number = 0; number < 10; number += 1) await fetch(`${small.url}/v1/models/m${number}`).then((answer) => answer.text());
    await small.until(({ completed }) => completed === 10);
    expect(small.received().map(({ path }) => path)).toEqual(['/v1/models/m7', '/v1/models/m8', '/v1/models/m9']);
    expect(small.counters()).toMatchObject({ received: 10, byPath: { '/v1/models/{id}': { completed: 10 } } });
  });

  test('a websocket upgrade is answered 426, so that codex goes on over HTTP', async () => {
    const socket = connect(simulator.port, '127.0.0.1');
    sockets.push(socket);
    socket.write('GET /v1/responses HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n');
    const [first] = (await once(socket, 'data')) as [Buffer];
    expect(first.toString()).toMatch(/^HTTP\/1\.1 426 /);
  });
});
