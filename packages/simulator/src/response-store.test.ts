import { expect, test } from 'vitest';
import { ResponseStore } from './response-store.ts';

test('the newest thousand responses are kept, the oldest forgotten first', () => {
  const store = new ResponseStore();
  for (let number = 0; number < 1_005; number += 1)
    store.put(`resp_${number}`, { response: { number }, waits: false, input: [], transcript: [], pieces: new Map() });
  expect(store.get('resp_4')).toBe(undefined);
  expect(store.get('resp_5')?.response).toEqual({ number: 5 });
  expect(store.get('resp_1004')?.response).toEqual({ number: 1_004 });
});
