import { expect, test } from 'vitest';
import { HoldFrames } from './hold-frames.ts';
import { HELD_EVENTS } from './hold-list.ts';

function opened(): { held: HoldFrames; say: (type: string, more?: object) => void; is: () => Promise<string>; at: (ms: number) => void } {
  let nowMs = 0;
  const held = new HoldFrames(() => nowMs);
  return {
    held,
    say: (type, more = {}) => held.frame(Buffer.from(JSON.stringify({ type, ...more })), false),
    is: async () => (await Promise.race([held.opening, Promise.resolve({ is: 'open' })])).is,
    at(ms) {
      nowMs = ms;
      held.tick(ms);
    },
  };
}

test('every frame of the list is held, and the first other one commits', async () => {
  const { held, say, is } = opened();
  for (const type of HELD_EVENTS) say(type);
  expect(await is()).toBe('open');
  say('response.output_text.delta');
  say('response.output_text.delta');
  expect(await is()).toBe('committed');
  expect(held.frames.length).toBe(HELD_EVENTS.size + 2);
});

test.each(['error', 'response.failed'])('%s in front of all else is a failure, and behind it nothing changes', async (type) => {
  const { say, is } = opened();
  say('response.created');
  say(type);
  say('response.output_text.delta');
  expect(await is()).toBe('failing');
});

test('8 KiB of held frames commit, and so does a second since the first', async () => {
  const large = opened();
  large.say('response.created', { pad: 'x'.repeat(8_192) });
  expect(await large.is()).toBe('committed');
  const slow = opened();
  slow.at(5_000);
  slow.say('response.created');
  slow.at(6_000);
  expect(await slow.is()).toBe('open');
  slow.at(6_001);
  expect(await slow.is()).toBe('committed');
});

test('eight seconds without a frame are given up, and a close ends it', async () => {
  const silent = opened();
  silent.at(8_000);
  expect(await silent.is()).toBe('open');
  silent.at(8_001);
  expect(await silent.is()).toBe('silent');
  const sending = opened();
  sending.held.tick(20_000, true);
  sending.at(28_000);
  expect(await sending.is()).toBe('open');
  const closed = opened();
  closed.held.closed(1006);
  expect(await closed.held.opening).toEqual({ is: 'closed', code: 1006 });
});

test('a binary frame is not on the list', async () => {
  const { held, is } = opened();
  held.frame(Buffer.from('{"type":"response.created"}'), true);
  expect(await is()).toBe('committed');
});
