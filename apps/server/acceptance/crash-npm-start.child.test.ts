import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { temporaryHome } from '@switchyard/testkit/temporary-home';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { KEY } from './harness.ts';
import { descendants, survivors } from './process-tree.ts';

// `npm start` as a person, a service manager or a script runs it, and the signal that each of them sends.

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const opened = new AsyncDisposableStack();
let home: string;

beforeAll(async () => {
  home = opened.use(await temporaryHome()).path;
});
afterAll(() => opened.disposeAsync());

test.each(['SIGTERM', 'SIGINT'] as const)('%s to the pid of npm ends everything below it, with exit code 0', { timeout: 120_000 }, async (signal) => {
  const npm = spawn('npm', ['start'], {
    cwd: ROOT,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], SWITCHYARD_HOME: home, SWITCHYARD_PORT: '0', SWITCHYARD_BOOTSTRAP_KEY: KEY },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  await using left = new AsyncDisposableStack();
  left.defer(() => void npm.kill('SIGTERM'));
  const exited = once(npm, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  let out = '';
  let err = '';
  npm.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const url = await new Promise<string>((resolve, reject) => {
    npm.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString();
      const ready = /^ready (http:\S+)$/m.exec(out);
      if (ready !== null) resolve(ready[1]!);
    });
    void exited.then(([code]) => reject(new Error(`npm start ended with code ${code} before it was ready:\n${err}`)));
  });
  const answer = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'sandbox', messages: [{ role: 'user', content: 'hello' }] }),
  });
  expect([answer.status, await answer.text()]).toEqual([200, expect.stringContaining('hello')]);
  const below = descendants(npm.pid!);
  expect(below.length).toBeGreaterThanOrEqual(3); // the boot, the server, and PostgreSQL with its own
  npm.kill(signal);
  expect(await exited).toEqual([0, null]);
  expect(survivors(below)).toEqual([]);
  await expect(fetch(`${url}/healthz`)).rejects.toThrow();
});
