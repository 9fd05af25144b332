import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** One thing that is proved: a test in its long form, or a program of its own. */
interface Proof {
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Only when it is asked for. */
  readonly isExtra?: true;
}

const long = (file: string, env: Readonly<Record<string, string>>): Proof => ({ command: ['node_modules/vitest/vitest.mjs', 'run', file], env });

/** What `npm run prove` does, one after the other, so that each has the machine to itself. */
const PROOFS: Readonly<Record<string, Proof>> = {
  'relay-chunks': long('services/gateway/src/relay/relay-answer.test.ts', { SWITCHYARD_TEST_CHUNKINGS: '100000' }),
  'commit-point': long('services/gateway/src/attempt/commit-point.test.ts', { SWITCHYARD_TEST_CHUNKINGS: '100000' }),
  'merge-laws': long('services/gateway/src/bindings/merge.test.ts', { SWITCHYARD_TEST_MERGES: '100000' }),
  'merge-sql': long('services/gateway/test/bindings.pg.test.ts', { SWITCHYARD_TEST_MERGES: '100000' }),
  'crash-streams': long('apps/server/acceptance/crash-streams.child.test.ts', { SWITCHYARD_TEST_STREAMS: '1000' }),
  // As many as 20 000 file descriptors a process allow.
  'slow-clients': long('apps/server/acceptance/slow-clients.child.test.ts', {
    SWITCHYARD_TEST_SILENT_CLIENTS: '10000',
    SWITCHYARD_TEST_SLOW_CLIENTS: '4000',
    SWITCHYARD_TEST_SLOW_READERS: '500',
  }),
  kills: long('apps/server/acceptance/kill-loop.child.test.ts', { SWITCHYARD_TEST_KILLS: '200' }),
  // Goes on where it was left; three hours at most, then the rest is for another time.
  model: { command: ['services/gateway/prove/run-prove.ts'] },
  mutants: { command: ['services/gateway/prove/run-mutants.ts'], isExtra: true },
};

const root = fileURLToPath(new URL('../', import.meta.url));
const wanted: string[] = [];
// What is not ours is the program's: `npm run prove -- --only model --seed 7`.
const rest: string[] = [];
const given = process.argv.slice(2);
while (given.length > 0) {
  const word = given.shift()!;
  if (word === '--only') wanted.push(given.shift() ?? '');
  else if (word === '--mutants') wanted.push('mutants');
  else rest.push(word);
}
const unknown = wanted.filter((name) => !Object.hasOwn(PROOFS, name));

process.exitCode = 0;
if (unknown.length > 0) {
  process.stderr.write(`There is no proof ${unknown.join(', ')}.\nUse --only with any of: ${Object.keys(PROOFS).join(', ')}.\n`);
  process.exitCode = 2;
} else {
  for (const [name, { command, env, isExtra }] of Object.entries(PROOFS)) {
    if (wanted.length === 0 ? isExtra === true : !wanted.includes(name)) continue;
    const child = spawn(process.execPath, [...command, ...rest], { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } });
    const end = (signal: NodeJS.Signals): void => void child.kill(signal);
    process.once('SIGTERM', end).once('SIGINT', end);
    const code = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('exit', resolve));
    process.off('SIGTERM', end).off('SIGINT', end);
    if (code !== 0) process.exitCode = 1;
    if (code === null) break;
  }
}
