import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, readFileSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openDatabases } from './databases.ts';
import { provedIn, writtenIn } from './results.ts';

// Faults put into the gateway one at a time, each of which the model has to find. A patch that does not apply any more, and one that the
// model does not find, end this with 1. Words behind the command pick patches by their names; without any, those are left out that were
// found before in this state of the code.

const MOST_STEPS = { faulty: '20000', plain: '4000' };
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

/** One fault, and whether the model has found it. */
interface Tried {
  readonly name: string;
  readonly patch: string;
  readonly commit: string;
  readonly found: boolean;
  readonly said: string;
}

const { proved, commit, folder } = provedIn(root);
const file = join(folder, `${proved}.mutants.jsonl`);
const tried = writtenIn<Tried>(file);
const patchOf = (name: string): string =>
  createHash('sha256')
    .update(readFileSync(join(patches, name)))
    .digest('hex');
const wasFound = (name: string): boolean => tried.some((each) => each.name === name && each.found && each.patch === patchOf(name));
let stopping = false;

/** Runs the model in the copy. @returns what it said, and whether it found something; one that ends without a violation but not well has found something, too */
async function model(steps: string): Promise<{ readonly found: boolean; readonly said: string }> {
  const child = spawn(process.execPath, ['services/gateway/prove/run-prove.ts', '--quick', '--steps', steps], {
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
const plain = await model(MOST_STEPS.plain);
if (plain.found) {
  say(`Without any fault the model finds something:\n${plain.said}`);
  process.exitCode = 1;
} else {
  let killed = 0;
  for (const name of names) {
    if (stopping) break;
    if (wanted.length === 0 && wasFound(name)) {
      say(`killed    ${name.padEnd(44)} before`);
      killed++;
      continue;
    }
    try {
      git(copy, 'apply', join(patches, name));
    } catch (error) {
      say(`DOES NOT APPLY  ${name}: ${String((error as { stderr?: string }).stderr ?? error).trim()}`);
      process.exitCode = 1;
      continue;
    }
    const { found, said } = await model(MOST_STEPS.faulty);
    git(copy, 'checkout', '--', '.');
    if (stopping) break;
    if (found) killed++;
    else process.exitCode = 1;
    const why = said.split('\n').find((line) => /^violation|Error: /.test(line)) ?? said.trim().split('\n').at(-1) ?? '';
    appendFileSync(file, `${JSON.stringify({ name, patch: patchOf(name), commit, found, said: why } satisfies Tried)}\n`);
    say(`${found ? 'killed   ' : 'SURVIVED '} ${name.padEnd(44)} ${why}`);
  }
  say(`${killed} of ${names.length} faults found`);
}
