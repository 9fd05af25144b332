import { expect, test } from 'vitest';
import type { LoggedRequest, Report } from '../operations/operations.ts';
import { bundleFiles } from './bundle-files.ts';

const SECRETS = ['sk-test-canary-0123456789-not-a-secret', 'swadm-canary0123456789', 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJjYW5hcnkifQ.x', 'canary-password'];
const evidence = [
  `Authorization: Bearer ${SECRETS[0]}`,
  `token=${SECRETS[1]}`,
  `the account said ${SECRETS[2]}`,
  `postgresql://switchyard:${SECRETS[3]}@db.example/switchyard does not answer`,
];
const report: Report = {
  healthy: false,
  server: 'running',
  checked_at: '2026-11-21T14:03:22.123Z',
  findings: [{ id: 'x', severity: 'error', cause: 'A cause.', evidence, next_action: 'Do it.' }],
};

test('no secret that stands in a text gets into a bundle, wherever it stands, and nobody who asked is named', () => {
  const request = {
    id: 'req_1',
    model: `m ${SECRETS[0]}`,
    fault: null,
    input_tokens: 12,
    client_address: '203.0.113.7',
    client_request_id: 'alice-17',
    upstream_request_id: SECRETS[2],
  } as unknown as LoggedRequest;
  const config = JSON.stringify({ settings: { 'database.url': { value: `postgresql://u:${SECRETS[3]}@db/x`, origin: 'environment DATABASE_URL' } } });
  const metrics = `# HELP a b\na{b="${SECRETS[0]}"} 1\n`;
  const files = bundleFiles({ report, config, requests: [request], metrics });
  expect(files.map(({ name }) => name)).toEqual(['doctor.json', 'config.json', 'requests.jsonl', 'metrics.txt']);
  for (const { text } of files) for (const secret of [...SECRETS, '203.0.113.7', 'alice-17']) expect(text).not.toContain(secret);
  expect(files[2]!.text).toContain('"input_tokens":12');
  expect(files[1]!.text).toContain('environment DATABASE_URL');
});

test('what could not be had is left out', () => {
  expect(bundleFiles({ report, config: null, requests: null, metrics: null }).map(({ name }) => name)).toEqual(['doctor.json']);
});
