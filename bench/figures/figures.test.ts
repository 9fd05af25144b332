import { expect, test } from 'vitest';
import type { RequestResult } from '../load/request-load.ts';
import type { Reading } from '../readings.ts';
import { byRound, typical, typicalRatio } from './figures.ts';

function unary(round: number, subject: string, cpuUs: number, requests = 1000): Reading {
  const result: RequestResult = {
    kind: 'requests',
    window: { seconds: 2, subjectNs: { own: cpuUs * 1000 * requests, postgres: 0 }, mockNs: 0, loadNs: 0, elsewhereCores: 0 },
    requests,
    latencyMs: { count: requests, p50: 1, p90: 2, p99: 3, max: 4 },
    wrongStatus: 0,
    lostConnections: 0,
    reopened: 0,
    sampled: 0,
    identical: 0,
  };
  return { round, subject, measure: 'unary', result };
}

test('CPU is told for each request, and the typical figure is the median of the rounds', () => {
  const readings = [unary(1, 'a', 50), unary(2, 'a', 90), unary(3, 'a', 60), unary(1, 'b', 7)];
  expect([...byRound(readings, 'unaryCpu', 'a')]).toEqual([
    [1, 50],
    [2, 90],
    [3, 60],
  ]);
  expect(typical(readings, 'unaryCpu', 'a')).toBe(60);
  expect(typical(readings, 'unaryRate', 'b')).toBe(500);
});

test('a ratio is taken within each round, so that a bad minute falls out', () => {
  const readings = [unary(1, 'a', 10), unary(1, 'b', 5), unary(2, 'a', 100), unary(2, 'b', 50), unary(3, 'a', 12), unary(3, 'b', 4)];
  expect(typicalRatio(readings, { figure: 'unaryCpu', subject: 'a' }, { figure: 'unaryCpu', subject: 'b' })).toBe(2);
});

test('what was not measured has no figure', () => {
  const readings = [unary(1, 'a', 10), unary(2, 'b', 10), unary(1, 'c', 10, 0)];
  expect(typical(readings, 'eventCpu', 'a')).toBeUndefined();
  expect(typical(readings, 'unaryCpu', 'c')).toBeUndefined();
  expect(typicalRatio(readings, { figure: 'unaryCpu', subject: 'a' }, { figure: 'unaryCpu', subject: 'b' })).toBeUndefined();
});

test('memory of a stream is what the open streams added, and nothing when one of them failed', () => {
  const open = (failed: number): Reading => ({
    round: 1,
    subject: 'a',
    measure: 'open-streams',
    result: {
      kind: 'open-streams',
      window: { seconds: 2, subjectNs: { own: 0, postgres: 0 }, mockNs: 0, loadNs: 0, elsewhereCores: 0 },
      streams: 1000,
      open: 1000 - failed,
      failed,
      events: 1,
      outOfOrder: 0,
      delayUs: { count: 0, p50: 0, p90: 0, p99: 0, max: 0 },
      residentBefore: { own: 100 * 1_048_576, postgres: 0 },
      resident: { own: 100 * 1_048_576 + 1000 * 1024 * 20, postgres: 0 },
      proportionalBefore: { own: 0, postgres: 0 },
      proportional: { own: 0, postgres: 0 },
    },
  });
  expect(typical([open(0)], 'streamMemory1000', 'a')).toBe(20);
  expect(typical([open(0)], 'streamMemory9000', 'a')).toBeUndefined();
  expect(typical([open(1)], 'streamMemory1000', 'a')).toBeUndefined();
});
