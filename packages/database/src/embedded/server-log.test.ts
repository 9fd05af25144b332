import { appendFileSync, closeSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { temporaryHome } from '@switchyard/testkit';
import { expect, test } from 'vitest';

import { MAX_LOG_BYTES, openServerLog, readLogSince } from './server-log.ts';

test('a log is appended to until it is too large, then put aside over the one before', async () => {
  await using home = await temporaryHome();
  const path = join(home.path, 'postgres.log');
  writeFileSync(path, 'first\n');
  writeFileSync(`${path}.1`, 'long ago');
  closeSync(openServerLog(path));
  expect(statSync(path).size).toBe(6);
  truncateSync(path, MAX_LOG_BYTES + 1);
  closeSync(openServerLog(path));
  expect(statSync(path).size).toBe(0);
  expect(statSync(`${path}.1`).size).toBe(MAX_LOG_BYTES + 1);
});

test('only the end of what was appended since is read', async () => {
  await using home = await temporaryHome();
  const path = join(home.path, 'postgres.log');
  writeFileSync(path, 'before\n');
  appendFileSync(path, 'since\n');
  expect(readLogSince(path, 7)).toBe('since');
  appendFileSync(path, `${'x'.repeat(10_000)}end`);
  expect(readLogSince(path, 7)).toMatch(/^x{4093}end$/);
});
