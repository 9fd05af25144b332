import { spawnSync } from 'node:child_process';

import { expect, test } from 'vitest';

import { createMetrics, defineMetrics } from './metrics.ts';

const PROMTOOL = process.env['PROMTOOL'] ?? 'promtool'; // Debian's package `prometheus` has it
const found = spawnSync(PROMTOOL, ['--version']).error === undefined;

// Without promtool this is skipped by name on a developer's machine; where CI is set it is a failure.
test.skipIf(!found && process.env['CI'] === undefined)('promtool finds nothing in the metrics of the process and of a table', async () => {
  const metrics = createMetrics();
  const m = defineMetrics(metrics, {
    switchyard_requests_total: { type: 'counter', help: 'Requests.', labels: { route: ['/v1/responses'] } },
    switchyard_wait_seconds: { type: 'histogram', help: 'Wait.', buckets: [0.1, 1] },
    codex_worker_latency_ms: { type: 'histogram', help: 'The name that a seed gives it.', buckets: [1, 10] },
  });
  m.switchyard_requests_total.inc({ route: '/v1/responses' });
  m.switchyard_wait_seconds.observe(0.2);
  m.codex_worker_latency_ms.observe(5);
  const text = await metrics.render();
  const { status, stdout, stderr } = spawnSync(PROMTOOL, ['check', 'metrics'], { input: text, encoding: 'utf8' });
  const findings = `${stdout}${stderr}`.split('\n').filter((line) => line !== '' && !line.startsWith('codex_worker_latency_ms '));
  expect(findings).toEqual([]);
  expect([0, 3]).toContain(status); // 3: the one exempted name
  expect(text).toContain('process_cpu_seconds_total');
});
