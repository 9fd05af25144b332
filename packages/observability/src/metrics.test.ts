import { expect, test } from 'vitest';

import { createMetrics, defineMetrics } from './metrics.ts';
import type { Metrics } from './metrics.ts';

const TABLE = {
  switchyard_requests_total: { type: 'counter', help: 'Requests by how they ended.', labels: { outcome: ['ok', 'failed'], model: { atMost: 2 } } },
  switchyard_bytes_total: { type: 'counter', help: 'Bytes sent.' },
  switchyard_in_flight_requests: { type: 'gauge', help: 'Requests in work.', labels: { lane: ['responses', 'standard'] } },
  switchyard_open_connections: { type: 'gauge', help: 'Connections.' },
  switchyard_wait_seconds: { type: 'histogram', help: 'Wait.', labels: { lane: ['responses'] }, buckets: [0.1, 1] },
} as const;

function open(): { metrics: Metrics; m: ReturnType<typeof defineMetrics<typeof TABLE>>; line: (start: string) => Promise<string | undefined> } {
  const metrics = createMetrics({ process: false });
  const m = defineMetrics(metrics, TABLE);
  return { metrics, m, line: async (start) => (await metrics.render()).split('\n').find((each) => each.startsWith(start)) };
}

test('a table opens one instrument per row, with and without labels', async () => {
  const { m, line } = open();
  m.switchyard_requests_total.inc({ outcome: 'ok', model: 'a' });
  m.switchyard_requests_total.bind({ outcome: 'ok', model: 'a' }).inc(2);
  m.switchyard_bytes_total.inc();
  m.switchyard_bytes_total.inc(9);
  m.switchyard_in_flight_requests.inc({ lane: 'responses' }, 3);
  m.switchyard_in_flight_requests.dec({ lane: 'responses' });
  m.switchyard_open_connections.set(7);
  m.switchyard_wait_seconds.observe({ lane: 'responses' }, 0.5);
  m.switchyard_wait_seconds.bind({ lane: 'responses' }).observe(0.05);
  expect(await line('switchyard_requests_total{')).toBe('switchyard_requests_total{outcome="ok",model="a"} 3');
  expect(await line('switchyard_bytes_total ')).toBe('switchyard_bytes_total 10');
  expect(await line('switchyard_in_flight_requests{')).toBe('switchyard_in_flight_requests{lane="responses"} 2');
  expect(await line('switchyard_open_connections ')).toBe('switchyard_open_connections 7');
  expect(await line('switchyard_wait_seconds_bucket{le="0.1"')).toBe('switchyard_wait_seconds_bucket{le="0.1",lane="responses"} 1');
  expect(await line('switchyard_wait_seconds_count{')).toBe('switchyard_wait_seconds_count{lane="responses"} 2');
});

test('a value outside a closed label, or past the bound of an open one, is counted as other', async () => {
  const { metrics, m } = open();
  for (let n = 0; n < 1_000; n++) m.switchyard_requests_total.inc({ outcome: `invented ${n}`, model: `model-${n}` });
  const series = (await metrics.render()).split('\n').filter((each) => each.startsWith('switchyard_requests_total{'));
  expect(series).toEqual([
    'switchyard_requests_total{outcome="other",model="model-0"} 1',
    'switchyard_requests_total{outcome="other",model="model-1"} 1',
    'switchyard_requests_total{outcome="other",model="other"} 998',
  ]);
});

test('what is followed is read when metrics are read, and a counter goes on when its source begins anew', async () => {
  const { m, line } = open();
  let total = 5;
  let active = 2;
  m.switchyard_bytes_total.follow(() => total);
  m.switchyard_in_flight_requests.follow({ lane: 'standard' }, () => active);
  expect(await line('switchyard_bytes_total ')).toBe('switchyard_bytes_total 5');
  total = 8;
  active = 0;
  expect(await line('switchyard_bytes_total ')).toBe('switchyard_bytes_total 8');
  expect(await line('switchyard_in_flight_requests{')).toBe('switchyard_in_flight_requests{lane="standard"} 0');
  total = 3;
  expect(await line('switchyard_bytes_total ')).toBe('switchyard_bytes_total 11');
});

test.each([
  ['counter', 'switchyard_requests', 'help', 'counters end in _total'],
  ['gauge', 'switchyard_things_total', 'help', 'counters end in _total'],
  ['gauge', 'switchyardThings', 'help', 'snake_case'],
  ['gauge', 'up', 'help', 'snake_case'],
  ['gauge', 'switchyard_things', ' ', 'help text'],
  ['gauge', 'switchyard_wait_ms', 'help', 'base units'],
  ['counter', 'switchyard_wait_milliseconds_total', 'help', 'base units'],
  ['gauge', 'switchyard_things_count', 'help', 'belong to histograms'],
  ['gauge', 'switchyard_gauge_of_things', 'help', 'hold its type'],
  ['histogram', 'switchyard_wait', 'help', 'ends in its unit'],
] as const)('a %s named %s is refused at its declaration', (type, name, help, why) => {
  const metrics = createMetrics({ process: false });
  expect(() => defineMetrics(metrics, { [name]: { type, help, buckets: [1] } })).toThrow(why);
});

test('the same name twice is refused', () => {
  const { metrics } = open();
  expect(() => defineMetrics(metrics, TABLE)).toThrow('already been registered');
});
