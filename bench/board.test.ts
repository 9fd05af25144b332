import { expect, test } from 'vitest';
import { BOARD, workOutBoard } from './board.ts';
import { FULL_PLAN } from './plan.ts';
import type { Reading } from './readings.ts';
import { findFaults } from './report/faults.ts';
import { compareBoards } from './report/compare-boards.ts';
import { switchyardGrown, switchyardSmall } from './subjects/switchyard.ts';

const health = (rate: number, wrongStatus = 0): Reading => ({
  round: 1,
  subject: 'switchyard',
  measure: 'healthz',
  result: {
    kind: 'requests',
    window: { seconds: 1, subjectNs: { own: 1, postgres: 0 }, mockNs: 0, loadNs: 0, elsewhereCores: 0 },
    requests: rate,
    latencyMs: { count: 0, p50: 0, p90: 0, p99: 0, max: 0 },
    wrongStatus,
    lostConnections: 0,
    reopened: 0,
    sampled: 0,
    identical: 0,
  },
});
const healthRow = (rate: number) => workOutBoard([health(rate)]).find(({ title }) => title.includes('/healthz'));

test('a bound is met up to the bound itself', () => {
  expect(healthRow(10_000)).toMatchObject({ value: 10_000, unit: '/s', met: true });
  expect(healthRow(9_999)).toMatchObject({ met: false });
});

test('a figure that was not measured is neither met nor missed', () => {
  expect(workOutBoard([]).every(({ value, met }) => value === null && met === null)).toBe(true);
});

test('the board compares only with what the full plan measures, under titles of their own', () => {
  const subjects = BOARD.flatMap(({ above, below }) => [above.subject, ...(below === undefined ? [] : [below.subject])]);
  const measured = [...FULL_PLAN.subjects, switchyardSmall.name, switchyardGrown.name];
  for (const subject of subjects) expect(measured).toContain(subject);
  expect(new Set(BOARD.map(({ title }) => title)).size).toBe(BOARD.length);
});

test('wrong answers and an empty window are faults, and name where they were', () => {
  expect(findFaults([health(10)])).toEqual([]);
  expect(findFaults([health(10, 3)])).toEqual([{ round: 1, measure: 'healthz', subject: 'switchyard', what: '3 answers with the wrong status' }]);
  expect(findFaults([health(0)])).toMatchObject([{ what: 'nothing was answered' }]);
});

test('two boards agree when each figure is within a tenth of the larger', () => {
  const [a, b, c] = [10_000, 11_111, 11_112].map((rate) => workOutBoard([health(rate)]));
  expect(compareBoards(a ?? [], b ?? [])).toMatchObject([{ before: 10_000, after: 11_111, agrees: true }]);
  expect(compareBoards(c ?? [], a ?? [])).toMatchObject([{ before: 11_112, after: 10_000, agrees: false }]);
  expect(compareBoards(a ?? [], [])).toEqual([]);
});
