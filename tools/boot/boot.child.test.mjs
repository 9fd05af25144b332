import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

const TOOLS = fileURLToPath(new URL('../', import.meta.url));
const MARKS = 'node_modules/.switchyard/users';

// Stands for npm: does what `npm ci` does to a folder as far as the boot looks, and fails or waits when told to.
const NPM = `
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
const args = process.argv.slice(2);
appendFileSync(process.env.NPM_CALLS, args.join(' ') + '\\n');
while (process.env.NPM_HOLD && existsSync(process.env.NPM_HOLD)) await new Promise((resolve) => setTimeout(resolve, 20));
if (process.env.NPM_FAILS) {
  process.stderr.write(process.env.NPM_FAILS + '\\n');
  process.exit(1);
}
const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8'));
const kept = Object.entries(packages).filter(([path, entry]) => path !== '' && !(entry.dev && args.includes('--omit=dev')) && path !== process.env.NPM_LEAVES_OUT);
rmSync('node_modules', { recursive: true, force: true });
mkdirSync('node_modules');
writeFileSync('node_modules/.package-lock.json', JSON.stringify({ packages: Object.fromEntries(kept) }));
`;

// Stands for our command: says what it was given, serves until told to stop, ends as told.
const CLI = `
const args: string[] = process.argv.slice(2);
if (args[0] === 'serve') {
  process.on('SIGTERM', () => { console.log('drained'); process.exit(0); });
  console.log('ready');
  setInterval(() => {}, 1_000);
} else if (args[0] === 'exit') process.exit(Number(args[1]));
else if (args[0] === 'die') process.kill(process.pid, 'SIGKILL');
else console.log(JSON.stringify(args));
`;

const LOCK = {
  packages: {
    '': {},
    'node_modules/pg': { version: '8.0.0', integrity: 'sha512-pg' },
    'node_modules/vitest': { version: '5.0.0', integrity: 'sha512-vitest', dev: true },
  },
};

let clone = '';
const running = new Set();

beforeEach(() => {
  clone = mkdtempSync(join(tmpdir(), 'switchyard-boot-'));
  put('package-lock.json', JSON.stringify(LOCK));
  put('npm/npm-cli.js', NPM);
  put('npm/package.json', '{"type":"module"}');
  put('apps/cli/src/main.ts', CLI);
  put('node_modules/.gitkeep', '');
  cpSync(join(TOOLS, 'boot.mjs'), join(clone, 'tools/boot.mjs'));
  cpSync(join(TOOLS, 'boot'), join(clone, 'tools/boot'), { recursive: true });
});

afterEach(async () => {
  await Promise.all([...running].map((child) => child.end()));
  rmSync(clone, { recursive: true, force: true });
});

function put(path, text) {
  mkdirSync(dirname(join(clone, path)), { recursive: true });
  writeFileSync(join(clone, path), text);
}

function boot(args, env = {}) {
  const child = spawn(process.execPath, ['tools/boot.mjs', ...args], {
    cwd: clone,
    env: { ...process.env, npm_execpath: join(clone, 'npm/npm-cli.js'), NPM_CALLS: join(clone, 'calls'), ...env },
  });
  const said = { out: '', err: '' };
  const listeners = new Set();
  for (const [stream, name] of [
    [child.stdout, 'out'],
    [child.stderr, 'err'],
  ]) {
    stream.setEncoding('utf8').on('data', (text) => {
      said[name] += text;
      for (const listen of listeners) listen();
    });
  }
  const ended = new Promise((resolve) => child.on('close', (code, signal) => resolve({ code, signal, ...said })));
  const handle = {
    pid: child.pid,
    said,
    ended,
    kill: (signal) => child.kill(signal),
    until: (found) =>
      new Promise((resolve, reject) => {
        const listen = () => found(said) && resolve();
        listeners.add(listen);
        listen();
        void ended.then(({ out, err }) => reject(new Error(`ended first: ${out}${err}`)));
      }),
    end: () => (child.kill('SIGTERM'), ended),
  };
  running.add(handle);
  void ended.then(() => running.delete(handle));
  return handle;
}

const npmCalls = () => {
  try {
    return readFileSync(join(clone, 'calls'), 'utf8').trim().split('\n');
  } catch {
    return [];
  }
};

test('the first command installs the runtime part, tells of it on stderr and hands its arguments on', async () => {
  const { code, out, err } = await boot(['switchyard', 'config', 'show', '--json']).ended;
  expect(out).toBe('["config","show","--json"]\n');
  expect(code).toBe(0);
  expect(npmCalls()).toEqual([expect.stringContaining('ci --ignore-scripts --include=optional --omit=dev')]);
  expect(err).toMatch(/Installing the packages that the server needs: done in \d/);
});

test('the second command of the quiet kind says nothing of its own', async () => {
  await boot(['switchyard', 'one']).ended;
  const { out, err } = await boot(['switchyard', 'two']).ended;
  expect(out + err).toBe('["two"]\n');
  expect(npmCalls()).toHaveLength(1);
});

test('exit codes and deadly signals pass through', async () => {
  expect(await boot(['switchyard', 'exit', '7']).ended).toMatchObject({ code: 7, signal: null });
  expect(await boot(['switchyard', 'die']).ended).toMatchObject({ code: null, signal: 'SIGKILL' });
});

test('SIGTERM to the boot lets the server drain, ends with its exit code and leaves no mark', async () => {
  const server = boot(['start']);
  await server.until(({ out }) => out.includes('ready'));
  expect(readdirSync(join(clone, MARKS))).toHaveLength(1);
  server.kill('SIGTERM');
  expect(await server.ended).toMatchObject({ code: 0, signal: null, out: 'ready\ndrained\n' });
  expect(readdirSync(join(clone, MARKS))).toEqual([]);
});

test('two first commands at once install once and both run', async () => {
  const hold = join(clone, 'hold');
  writeFileSync(hold, '');
  const first = boot(['switchyard', 'first'], { NPM_HOLD: hold });
  await first.until(() => npmCalls().length === 1 || first.said.err.includes('Installing'));
  const second = boot(['switchyard', 'second']);
  await second.until(({ err }) => err.includes('Waiting for another start in this clone'));
  rmSync(hold);
  expect((await first.ended).out).toBe('["first"]\n');
  expect((await second.ended).out).toBe('["second"]\n');
  expect(npmCalls()).toHaveLength(1);
});

test('a tree is not replaced under a live server, and the refusal says how to go on', async () => {
  const server = boot(['start']);
  await server.until(({ out }) => out.includes('ready'));
  const { code, err } = await boot(['test']).ended;
  expect(code).toBe(1);
  expect(err).toMatch(/start \(pid \d+\) runs from this clone/);
  expect(err).toMatch(/Stop it first/);
  expect(npmCalls()).toHaveLength(1);
});

test('a server whose boot was killed still keeps its tree', async () => {
  const server = boot(['start']);
  await server.until(({ out }) => out.includes('ready'));
  const mark = JSON.parse(readFileSync(join(clone, MARKS, `${server.pid}.json`), 'utf8'));
  const orphan = mark.processes[1].pid;
  server.kill('SIGKILL');
  try {
    const { code, err } = await boot(['test']).ended;
    expect(code).toBe(1);
    expect(err).toContain(`kill ${orphan}`);
  } finally {
    process.kill(orphan, 'SIGTERM');
    await server.ended;
  }
});

test('a complete tree serves the runtime tasks and is never cut down', async () => {
  const complete = Object.fromEntries(Object.entries(LOCK.packages).filter(([path]) => path !== ''));
  put('node_modules/.package-lock.json', JSON.stringify({ packages: complete }));
  await boot(['switchyard', 'x']).ended;
  expect(npmCalls()).toEqual([]);
  put('package-lock.json', JSON.stringify({ packages: { ...LOCK.packages, 'node_modules/undici': { version: '8.0.0', integrity: 'sha512-undici' } } }));
  await boot(['switchyard', 'x']).ended;
  expect(npmCalls()).toEqual([expect.stringContaining('--include=dev')]);
});

test('an install that fails becomes a sentence with a remedy, and the next command tries again', async () => {
  const failed = await boot(['switchyard', 'x'], { NPM_FAILS: 'npm error code ENOTFOUND' }).ended;
  expect(failed.code).toBe(1);
  expect(failed.err).toMatch(/registry cannot be reached/);
  expect(failed.err).not.toMatch(/ at .*\.mjs:\d/);
  expect((await boot(['switchyard', 'x']).ended).out).toBe('["x"]\n');
});

test('an install that npm calls good but that lacks something is refused by name', async () => {
  const { code, err } = await boot(['switchyard', 'x'], { NPM_LEAVES_OUT: 'node_modules/pg' }).ended;
  expect(code).toBe(1);
  expect(err).toMatch(/left out node_modules\/pg/);
});

test('a signal during the install ends both and frees the lock', async () => {
  const hold = join(clone, 'hold');
  writeFileSync(hold, '');
  const first = boot(['switchyard', 'first'], { NPM_HOLD: hold });
  await first.until(({ err }) => err.includes('Installing'));
  first.kill('SIGTERM');
  expect(await first.ended).toMatchObject({ code: null, signal: 'SIGTERM' });
  expect((await boot(['switchyard', 'next']).ended).out).toBe('["next"]\n');
});

test('an unknown task names those that exist', async () => {
  const { code, err } = await boot(['tset']).ended;
  expect(code).toBe(1);
  expect(err).toMatch(/no task "tset"[^]*start, switchyard, bench, test, prove, ok/);
});
