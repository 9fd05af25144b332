import { fakeClock } from '@switchyard/testkit';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { BodySink, UpstreamBody } from '@switchyard/contracts';
import { ScriptedBody } from '../../test/scripted-accounts.ts';
import { FAILING_EVENTS, HELD_EVENTS } from './hold-list.ts';
import { Holds } from './holds.ts';
import { LookAhead, isLookedAt } from './look-ahead.ts';

const event = (type: string, more = ''): string => `event: ${type}\ndata: {"type":"${type}"${more}}\n\n`;
const FAILED = '{"type":"response.failed","response":{"error":{"code":"slow_down","message":"später"}}}';

/** A body into which the test puts chunks by hand. */
function byHand(): { body: UpstreamBody; sink: () => BodySink; paused: () => boolean } {
  let sink: BodySink | null = null;
  let paused = false;
  return {
    body: { start: (given) => (sink = given), pause: () => (paused = true), resume: () => (paused = false) },
    sink: () => sink!,
    paused: () => paused,
  };
}

function opening(kind: 'responses' | 'chat' = 'responses', clock = fakeClock()) {
  const hand = byHand();
  const holds = new Holds(clock.now, clock.after);
  const ahead = new LookAhead(hand.body, kind, holds);
  let told = false;
  const waiting = ahead.begin()?.then(() => (told = true));
  const push = (text: string): void => hand.sink().data(Buffer.from(text));
  return { ahead, hand, holds, clock, push, waiting, told: () => told };
}

test('the hold list is that of the product page', () => {
  expect([...HELD_EVENTS].sort()).toEqual([
    'codex.rate_limits',
    'response.content_part.added',
    'response.created',
    'response.in_progress',
    'response.metadata',
    'response.output_item.added',
    'response.queued',
    'response.reasoning_summary_part.added',
  ]);
  expect([...FAILING_EVENTS].sort()).toEqual(['error', 'response.failed']);
});

test.each([
  ['responses', event('response.output_text.delta')],
  ['responses', 'event: response.completed\n'],
  ['responses', 'data: {"type":"response.output_text.delta"'],
  ['responses', 'data: {"type":"response.failure_of_another_kind"}\n'],
  ['responses', 'data: {"delta":"x"}\n'],
  ['responses', 'data: not JSON\n'],
  ['responses', 'data: [DONE]\n'],
  ['chat', 'data: {"id":"chatcmpl-1"'],
  ['chat', 'data: {"errors":[]}\n'],
  ['chat', 'data: {"error":null,"id":"x"}\n'],
  ['chat', 'data: [DONE]\n\n'],
  ['chat', ': ping\n\ndata: {"id":"chatcmpl-1"'],
  ['chat', 'data:{"x'],
] as const)('a first chunk that commits does so at once (%s: %j): no promise, no timer, nothing held', (kind, text) => {
  const clock = fakeClock();
  const ahead = new LookAhead(new ScriptedBody([text], 'stays'), kind, new Holds(clock.now, clock.after));
  expect(ahead.begin()).toBeNull();
  expect(ahead).toMatchObject({ ended: 'event', isPaused: false });
  expect(Buffer.concat(ahead.front).toString()).toBe(text);
  expect(clock.pending).toBe(0);
});

test.each([
  ...[...HELD_EVENTS].map((type) => ['responses', event(type)] as const),
  ['responses', `data: {"response":{"id":"r"},"type":"response.created"}\n\n`],
  ['responses', ': ping\n\nid: 1\nretry: 5\n\n'],
  ['responses', 'event: response.output_text.del'],
  ['responses', 'data: {"type":"response.output_te'],
  ['responses', 'event: response.failed\ndata: {"type":"response.failed"'],
  ['chat', 'data: {"err'],
  ['chat', 'data: {"error":{"message":"not whole yet"'],
  ['chat', ': ping\n\n'],
  ['chat', 'data'],
] as const)('an opening that says nothing yet is held (%s: %j), until the next event that does', async (kind, text) => {
  const { ahead, push, holds, waiting, clock } = opening(kind);
  push(text);
  expect(ahead.ended).toBeNull();
  expect(holds.size).toBe(1);
  push('\n\n');
  push(kind === 'chat' ? 'data: {"id":"x"}\n\n' : event('response.output_text.delta'));
  await waiting;
  expect(ahead.ended).toBe(text.includes('"response.failed"') || text.includes('"error"') ? 'failed' : 'event');
  expect(holds.size).toBe(0);
  await clock.advance(100);
  expect(clock.pending).toBe(0);
});

test('an error event is read whole, and the body waits behind it', async () => {
  const { ahead, push, waiting, hand } = opening();
  push(event('response.created') + 'event: response.failed\r\ndata: ' + FAILED.slice(0, 40));
  expect(ahead.ended).toBeNull();
  push(FAILED.slice(40) + '\r\n\r');
  await waiting;
  expect(ahead).toMatchObject({ ended: 'failed', failed: FAILED, isPaused: true });
  expect(hand.paused()).toBe(true);
});

test('a stream that ends, or breaks off, before it has said anything is told apart from one that speaks', async () => {
  const ended = opening();
  ended.push(event('response.created'));
  ended.hand.sink().end();
  await ended.waiting;
  expect(ended.ahead).toMatchObject({ ended: 'broken_off', failure: null });
  const clock = fakeClock();
  const cut = new LookAhead(new ScriptedBody([event('response.created')], 'reset'), 'responses', new Holds(clock.now, clock.after));
  expect(cut.begin()).toBeNull();
  expect(cut).toMatchObject({ ended: 'broken_off', failure: { reason: 'reset' } });
});

test('what is held for a second is the client’s, whatever it is', async () => {
  const { ahead, push, clock, told, holds } = opening();
  await clock.advance(40);
  push(event('response.created'));
  await clock.advance(950);
  expect(told()).toBe(false);
  // The sweep passes ten times a second.
  await clock.advance(110);
  expect([told(), ahead.ended, holds.size]).toEqual([true, 'time', 0]);
  expect(clock.pending).toBe(0);
});

test('one sweep serves all openings, and each has its own second', async () => {
  const clock = fakeClock();
  const holds = new Holds(clock.now, clock.after);
  const over: number[] = [];
  for (let i = 0; i < 5; i++) {
    holds.add({ timeUp: () => over.push(i) });
    expect(clock.pending).toBe(1);
    await clock.advance(150);
  }
  await clock.advance(450);
  expect(over).toEqual([0, 1]);
  await clock.advance(1_000);
  expect([over, clock.pending]).toEqual([[0, 1, 2, 3, 4], 0]);
});

test.each([1, 100, 8_191, 8_192, 20_000])('of 8 KiB and more nothing is held, in chunks of %i bytes', (size) => {
  const { ahead, push } = opening();
  const text = event('response.created', `,"pad":"${'x'.repeat(4_000)}"`).repeat(3);
  let sent = 0;
  while (ahead.ended === null) {
    push(text.slice(sent, sent + size));
    sent += size;
  }
  expect(ahead.ended).toBe('size');
  expect(sent).toBe(Math.ceil(8_192 / size) * size);
});

test('a line without an end is not waited for beyond 8 KiB', () => {
  const { ahead, push } = opening();
  push('event: response.failed\ndata: {"type":"response.failed","pad":"');
  for (let i = 0; i < 8; i++) push('x'.repeat(1_024));
  expect(ahead.ended).toBe('size');
});

test('only a readable stream of events that are known is looked at', () => {
  const answer = (status: number, headers: Record<string, string>) => ({ status, headers, body: byHand().body });
  const stream = { 'content-type': 'text/event-stream; charset=utf-8' };
  expect(isLookedAt(answer(200, stream), 'responses')).toBe(true);
  expect(isLookedAt(answer(200, stream), 'chat')).toBe(true);
  expect(isLookedAt(answer(200, stream), 'none')).toBe(false);
  expect(isLookedAt(answer(503, stream), 'chat')).toBe(false);
  expect(isLookedAt(answer(200, { 'content-type': 'application/json' }), 'chat')).toBe(false);
  expect(isLookedAt(answer(200, { ...stream, 'content-encoding': 'gzip' }), 'chat')).toBe(false);
});

// An oracle with the whole text at hand: the events in order, and the first that decides.
const piece = fc.constantFrom('created', 'in_progress', 'delta', 'failed', 'error', 'comment', 'unnamed', 'metadata');
const ending = fc.constantFrom('\n', '\r\n', '\r');
const shown: Readonly<Record<string, (end: string) => string>> = {
  created: (end) => `event: response.created${end}data: {"type":"response.created"}${end}${end}`,
  in_progress: (end) => `data: {"type":"response.in_progress"}${end}${end}`,
  delta: (end) => `event: response.output_text.delta${end}data: {"type":"response.output_text.delta","delta":"ü"}${end}${end}`,
  failed: (end) => `event: response.failed${end}data: ${FAILED}${end}${end}`,
  error: (end) => `data: {"type":"error","code":"x"}${end}${end}`,
  comment: (end) => `: hello${end}${end}`,
  unnamed: (end) => `data: {"delta":"x"}${end}${end}`,
  metadata: (end) => `event:response.metadata${end}data:{}${end}${end}`,
};

test('in any chunking, with any line ends, the first event that is not held decides, and every byte is kept', () => {
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), ending, fc.boolean(), fc.array(fc.nat(900), { maxLength: 12 }), (pieces, end, withMark, cuts) => {
      const text = Buffer.from((withMark ? '\ufeff' : '') + pieces.map((name) => shown[name]!(end)).join(''));
      const edges = [...new Set([0, ...cuts.filter((cut) => cut < text.length), text.length])].sort((a, b) => a - b);
      const { ahead, hand } = opening();
      for (let i = 1; i < edges.length; i++) hand.sink().data(text.subarray(edges[i - 1], edges[i]));
      expect(Buffer.concat(ahead.front).equals(text)).toBe(true);
      const decides = pieces.find((name) => ['delta', 'failed', 'error', 'unnamed'].includes(name));
      const wanted = decides === undefined ? null : decides === 'failed' || decides === 'error' ? 'failed' : 'event';
      expect(ahead.ended).toBe(wanted);
      if (decides === 'failed') expect(ahead.failed).toBe(FAILED);
    }),
    { numRuns: 3_000 },
  );
});
