import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { PlainHistogram } from './histogram.ts';

test('a value counts in every bucket that it fits, bounds included, and in the sum', async () => {
  const registry = new Registry();
  const waits = new PlainHistogram(registry, { name: 'wait_seconds', help: 'Wait.', buckets: [0.1, 1] }).with({ lane: 'standard' });
  for (const seconds of [0.05, 0.1, 0.5, 7]) waits.observe(seconds);
  expect((await registry.metrics()).trim().split('\n')).toEqual([
    '# HELP wait_seconds Wait.',
    '# TYPE wait_seconds histogram',
    'wait_seconds_bucket{le="0.1",lane="standard"} 2',
    'wait_seconds_bucket{le="1",lane="standard"} 3',
    'wait_seconds_bucket{le="+Inf",lane="standard"} 4',
    'wait_seconds_sum{lane="standard"} 7.65',
    'wait_seconds_count{lane="standard"} 4',
  ]);
});

test('the same labels are the same series, and one without a value is not shown', async () => {
  const registry = new Registry();
  const histogram = new PlainHistogram(registry, { name: 'wait_seconds', help: 'Wait.', buckets: [1] });
  histogram.with({ lane: 'compact' });
  histogram.with({ lane: 'standard' }).observe(0);
  histogram.with({ lane: 'standard' }).observe(0);
  const text = await registry.metrics();
  expect(text).toContain('wait_seconds_count{lane="standard"} 2');
  expect(text).not.toContain('compact');
});
