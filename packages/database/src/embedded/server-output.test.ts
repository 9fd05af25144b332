import { expect, test } from 'vitest';

import { refusalOfServerOutput } from './server-output.ts';

// Lines as PostgreSQL 18 printed them.
test.for([
  ['no_space', 'initdb: error: could not write file "/srv/x/postgres.new-1/postgresql.conf": No space left on device'],
  ['no_space', '2026-11-21 14:20:00.000 UTC [1] PANIC:  could not write to file "pg_wal/xlogtemp.1": No space left on device'],
  ['no_space', 'FATAL:  could not extend file "base/1/2691": wrote only 4096 of 8192 bytes at block 10\nHINT:  Check free disk space.\nAborted\n'],
  ['no_permission', 'initdb: error: could not create directory "/srv/x/postgres.new-1": Permission denied'],
  ['did_not_start', '2026-11-21 14:20:00.000 UTC [1] FATAL:  lock file "postmaster.pid" already exists'],
  ['did_not_start', ''],
] as const)('%s is read from: %s', ([reason, output]) => {
  const refusal = refusalOfServerOutput('PostgreSQL did not start', '/srv/x/postgres', output);
  expect(refusal.reason).toBe(reason);
  expect(refusal.message).toContain('/srv/x/postgres');
  expect(refusal.message).toMatch(/SWITCHYARD_HOME|DATABASE_URL/);
});
