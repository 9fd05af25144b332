import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openDatabases } from './databases.ts';

// Faults put into the gateway one at a time, each of which the model has to find. A patch that does not apply any more, and one that the
// model does not find, end this with 1. Words behind the command pick patches by their names.

const MOST_STEPS = '20000';
const root = fileURLToPath(new URL('../../../', import.meta.url));
const patches = fileURLToPath(new URL('mutants/', import.meta.url));
const copy = join(root, '.cache/mutants');

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const git = (cwd: string, ...args: string[]): string => execFileSync('git', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

await using stack = new AsyncDisposableStack();
const databases = stack.use(await openDatabases());
if (existsSync(copy)) git(root, 'worktree', 'remove', '--force', copy);
mkdirSync(join(root, '.cache'), { recursive: true });
git(root, 'worktree', 'add', '--detach', copy, 'HEAD');
stack.defer(() => void git(root, 'worktree', 'remove', '--force', copy));
symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));

let stopping = false;

/** Runs the model in the copy. @returns what it said, and whether it found something; one that ends without a violation but not well has found something, too */
async function model(): Promise<{ readonly found: boolean; readonly said: string }> {
  const child = spawn(process.execPath, ['services/gateway/prove/run-prove.ts', '--quick', '--steps', MOST_STEPS], {
    cwd: copy,
    env: { ...process.env, TEST_DATABASE_URL: databases.url },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const end = (signal: NodeJS.Signals): void => {
    stopping = true;
    child.kill(signal);
  };
  process.once('SIGTERM', end).once('SIGINT', end);
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const code = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve));
  process.off('SIGTERM', end).off('SIGINT', end);
  return { found: code !== 0, said };
}

const wanted = process.argv.slice(2);
const names = readdirSync(patches)
  .filter((name) => name.endsWith('.patch') && (wanted.length === 0 || wanted.some((word) => name.includes(word))))
  .sort();
const plain = await model();
if (plain.found) {
  say(`Without any fault the model finds something:\n${plain.said}`);
  process.exitCode = 1;
} else {
  let killed = 0;
  for (const name of names) {
    if (stopping) break;
    try {
      git(copy, 'apply', join(patches, name));
    } catch (error) {
      say(`DOES NOT APPLY  ${name}: ${String((error as { stderr?: string }).stderr ?? error).trim()}`);
      process.exitCode = 1;
      continue;
    }
    const { found, said } = await model();
    git(copy, 'checkout', '--', '.');
    if (found) killed++;
    else process.exitCode = 1;
    say(
      `${found ? 'killed   ' : 'SURVIVED '} ${name.padEnd(44)} ${said.split('\n').find((line) => /^violation|Error: /.test(line)) ?? said.trim().split('\n').at(-1)}`,
    );
  }
  say(`${killed} of ${names.length} faults found`);
}
