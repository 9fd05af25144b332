import { recordingLogger, silentLogger } from '@switchyard/testkit';
import { expect, test } from 'vitest';

import { watchAvailability } from './availability.ts';

test('nothing is asked while there is no sign of trouble', () => {
  let asked = 0;
  const availability = watchAvailability(async () => void asked++, silentLogger());
  expect(availability.isAvailable()).toBe(true);
  expect(asked).toBe(0);
});

test('a sign that turns out to be nothing changes nothing, and many signs are one question', async () => {
  let asked = 0;
  const answer = Promise.withResolvers<void>();
  const log = recordingLogger();
  const availability = watchAvailability(() => (asked++, answer.promise), log);
  for (let sign = 0; sign < 10; sign++) availability.suspect();
  answer.resolve();
  await new Promise((resolve) => setImmediate(resolve));
  expect(asked).toBe(1);
  expect(availability.isAvailable()).toBe(true);
  expect(log.records).toEqual([]);
});

test('it is asked again until it answers, and each change is told once', async () => {
  let failures = 3;
  const changes: boolean[] = [];
  const availability = watchAvailability(async () => {
    if (failures-- > 0) throw new Error('away');
  }, silentLogger());
  const back = new Promise<void>((resolve) => {
    availability.onChange((available) => {
      changes.push(available);
      if (available) resolve();
    });
  });
  availability.suspect();
  // The waits between questions keep no process alive, so this test must.
  const alive = setInterval(() => {}, 1_000);
  await back;
  clearInterval(alive);
  expect(changes).toEqual([false, true]);
  expect(failures).toBe(-1);
});

test('after closing nothing is asked or told any more', async () => {
  const answer = Promise.withResolvers<void>();
  let asked = 0;
  const changes: boolean[] = [];
  const availability = watchAvailability(() => (asked++, answer.promise), silentLogger());
  availability.onChange((available) => changes.push(available));
  availability.suspect();
  availability.close();
  answer.reject(new Error('away'));
  await new Promise((resolve) => setImmediate(resolve));
  availability.suspect();
  expect(asked).toBe(1);
  expect(changes).toEqual([]);
});
