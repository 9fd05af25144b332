import { expect, test } from 'vitest';
import { Ledger } from './ledger.ts';
import { Entry } from './received.ts';

const opened = (ledger: Ledger): Entry => {
  const entry = new Entry(ledger.nextId(), { method: 'POST', path: '/v1/responses', query: '', headers: {}, startedMs: 1 });
  entry.route = '/v1/responses';
  ledger.open(entry);
  return entry;
};

test('a request ends once, the first time', () => {
  const ledger = new Ledger(10);
  const entry = opened(ledger);
  ledger.settle(entry, 'completed', 2);
  ledger.settle(entry, 'aborted_by_client', 3);
  expect(ledger.counters()).toMatchObject({ received: 1, open: 0, completed: 1, aborted: 0, cut: 0 });
  expect(ledger.received(false)).toMatchObject([{ outcome: 'completed', endedMs: 2 }]);
});

test('old bodies are let go when all together are too many bytes, the newest kept', () => {
  const ledger = new Ledger(10);
  const entries = [1, 2, 3].map(() => opened(ledger));
  for (const entry of entries) ledger.keepBody(entry, Buffer.alloc(30 * 1024 * 1024, 'x'));
  expect(entries.map((entry) => entry.body?.length ?? 0)).toEqual([0, 31_457_280, 31_457_280]);
});

test('a watcher is woken by the change that it waits for', async () => {
  const ledger = new Ledger(0);
  const entry = opened(ledger);
  const ended = ledger.until(() => ledger.counters().open === 0);
  ledger.settle(entry, 'cut', 2);
  await ended;
  expect(ledger.counters()).toMatchObject({ received: 1, cut: 1 });
});

test('bodies of requests that are no longer kept do not count against those that are', () => {
  const ledger = new Ledger(2);
  for (let number = 0; number < 20; number += 1) ledger.keepBody(opened(ledger), Buffer.alloc(10 * 1024 * 1024, 'x'));
  expect(ledger.received(false).map(({ body }) => typeof body)).toEqual(['string', 'string']);
});

test('paths that nobody serves do not grow the counters without end', () => {
  const ledger = new Ledger(0);
  for (let number = 0; number < 300; number += 1) {
    const entry = new Entry(ledger.nextId(), { method: 'GET', path: `/${number}`, query: '', headers: {}, startedMs: 1 });
    entry.route = entry.path;
    ledger.open(entry);
    ledger.settle(entry, 'completed', 2);
  }
  const { byPath, completed } = ledger.counters();
  expect([completed, Object.keys(byPath).length, byPath['other']?.completed]).toEqual([300, 201, 100]);
});
