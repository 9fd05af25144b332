import { expect, test } from 'vitest';
import { BANDS, routeBand, windowBand } from './bands.ts';

test.each([
  [100, 'ready'],
  [15.1, 'ready'],
  [15, 'thin'],
  [5.1, 'thin'],
  [5, 'critical'],
  [0.1, 'critical'],
  [0, 'exhausted'],
])('a window with %d %% left is %s', (left, band) => {
  expect(windowBand(left)).toBe(band);
});

// Weekly left, short left, band on responses and websocket, band on compact and standard.
test.each([
  [100, 100, 'ready', 'ready'],
  [20.1, 10.1, 'ready', 'ready'],
  [20, 100, 'thin', 'ready'],
  [100, 10, 'thin', 'ready'],
  [10, 100, 'critical', 'thin'],
  [100, 5, 'critical', 'thin'],
  [5, 100, 'critical', 'critical'],
  [100, 3, 'critical', 'critical'],
  [0, 100, 'exhausted', 'exhausted'],
  [100, 0, 'exhausted', 'exhausted'],
  [null, 100, 'ready', 'ready'],
  [100, null, 'ready', 'ready'],
  [10, null, 'critical', 'thin'],
  [null, 0, 'exhausted', 'exhausted'],
  [null, null, 'unknown', 'unknown'],
])('with %s %% of the week and %s %% of the short window left it is %s, or %s', (weekly, short, responses, standard) => {
  expect([routeBand(weekly, short, 0), routeBand(weekly, short, 1)]).toEqual([responses, standard]);
});

test('bands are ordered from ready to exhausted, what is not known between thin and critical', () => {
  expect(BANDS).toEqual(['ready', 'thin', 'unknown', 'critical', 'exhausted']);
});
