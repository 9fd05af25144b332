import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Tests that `npm test` runs in a short form, and how much of them `npm run prove` asks for. */
const LONG_FORMS = {
  'services/gateway/src/relay/relay-answer.test.ts': { SWITCHYARD_TEST_CHUNKINGS: '100000' },
  'services/gateway/src/attempt/commit-point.test.ts': { SWITCHYARD_TEST_CHUNKINGS: '100000' },
  'services/gateway/src/bindings/merge.test.ts': { SWITCHYARD_TEST_MERGES: '100000' },
  'services/gateway/test/bindings.pg.test.ts': { SWITCHYARD_TEST_MERGES: '100000' },
  'apps/server/acceptance/crash-streams.child.test.ts': { SWITCHYARD_TEST_STREAMS: '1000' },
  // As many as 20 000 file descriptors a process allow.
  'apps/server/acceptance/slow-clients.child.test.ts': { SWITCHYARD_TEST_SILENT_CLIENTS: '10000', SWITCHYARD_TEST_SLOW_CLIENTS: '4000' },
} as const;

// One after the other, so that the thousand streams have the machine to themselves. Ends with 1 when one failed.
const root = fileURLToPath(new URL('../', import.meta.url));
process.exitCode = 0;
for (const [file, long] of Object.entries(LONG_FORMS)) {
  const child = spawn(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', file], { cwd: root, stdio: 'inherit', env: { ...process.env, ...long } });
  const end = (signal: NodeJS.Signals): void => void child.kill(signal);
  process.once('SIGTERM', end).once('SIGINT', end);
  const code = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('exit', resolve));
  process.off('SIGTERM', end).off('SIGINT', end);
  if (code !== 0) process.exitCode = 1;
  if (code === null) break;
}
