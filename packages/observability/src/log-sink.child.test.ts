import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

import { expect, test } from 'vitest';

const DOOR = new URL('./index.ts', import.meta.url).href;

function run(program: string): ReturnType<typeof spawn> {
  const source = `import { createLogger } from ${JSON.stringify(DOOR)}; const log = createLogger({ level: 'info', component: 'child' }); ${program}`;
  return spawn(process.execPath, ['--input-type=module-typescript', '-e', source], { stdio: ['pipe', 'pipe', 'pipe'] });
}

test.each([
  ['ends by itself', '', 0],
  ['calls process.exit', 'process.exit(3);', 3],
  ['throws', 'throw new Error("boom");', 1],
])('every line is on stderr when the process %s, and stdout stays empty', async (_, ending, code) => {
  const child = run(`for (let n = 0; n < 2000; n++) log.info('counted', 'line', { count: n }); ${ending}`);
  const [stdout, stderr, [exitCode]] = await Promise.all([text(child.stdout!), text(child.stderr!), once(child, 'exit')]);
  expect(exitCode).toBe(code);
  expect(stdout).toBe('');
  const counted = stderr.split('\n').filter((line) => line.includes('"counted"'));
  // The write that is under way when the process exits may land after those that follow it; the time of each line tells.
  expect(counted.map((line) => (JSON.parse(line) as { count: number }).count).sort((a, b) => a - b)).toEqual(Array.from({ length: 2_000 }, (_unused, n) => n));
});

test.each(['', 'process.exit(0);'])('a line of an exit handler is on stderr too (%j)', async (ending) => {
  const child = run(`process.on('exit', () => log.info('last', 'bye')); log.info('first', 'hello'); ${ending}`);
  const [stderr, [exitCode]] = await Promise.all([text(child.stderr!), once(child, 'exit')]);
  expect(exitCode).toBe(0);
  expect(
    stderr
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { event: string }).event)
      .sort(),
  ).toEqual(['first', 'last']);
});

test('a process whose stderr nobody reads any more goes on', async () => {
  const child = run(`
    let n = 0;
    const more = () => { log.info('again', 'x'.repeat(1000)); if (++n < 500) setImmediate(more); else process.stdout.write('done'); };
    setImmediate(more);`);
  child.stderr!.destroy();
  const [stdout, [exitCode]] = await Promise.all([text(child.stdout!), once(child, 'exit')]);
  expect(stdout).toBe('done');
  expect(exitCode).toBe(0);
});

test('a reader that stands still costs bounded memory and no time, and is told what it missed', async () => {
  const lines = 10_000;
  const child = run(`
    for (let n = 0; n < ${lines}; n++) log.info('big', 'x '.repeat(500), { count: n });
    process.stdout.write('written');
    setInterval(() => {}, 1000); // alive until it is told to end
    process.stdin.once('data', () => process.exit(0));`);
  await once(child.stdout!, 'data'); // everything was logged while nobody read stderr
  const chunks: string[] = [];
  for await (const chunk of child.stderr!.setEncoding('utf8')) {
    chunks.push(String(chunk));
    if (chunks.slice(-2).join('').includes('log_lines_dropped') && String(chunk).endsWith('\n')) break;
  }
  child.stdin!.end('end');
  await once(child, 'exit');
  const parsed = chunks
    .join('')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { event: string; dropped?: number });
  const missed = parsed.find((line) => line.event === 'log_lines_dropped')?.dropped ?? 0;
  const kept = parsed.filter((line) => line.event === 'big').length;
  expect(missed).toBeGreaterThan(0);
  expect(kept + missed).toBe(lines);
});
