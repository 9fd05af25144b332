import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { findRunningServer } from '@switchyard/app-server/running';
import type { Cli } from '../cli.ts';
import { CommandRefusal } from '../refusals.ts';

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));
const PAUSE_MS = 200;
/** Longer than a start, and than a stop with nothing to wait for. */
const PATIENCE_MS = 45_000;

/**
 * The address of the server of a home: of the one that runs, else of one that is started for its users and ends with the last of them.
 * @param bootstrapKey  The first key of a server that has none yet.
 * @throws CommandRefusal `server_not_started` with what the server said
 */
export async function joinServer(home: string, bootstrapKey: string, { env, err }: Pick<Cli, 'env' | 'err'>): Promise<string> {
  const deadlineMs = performance.now() + PATIENCE_MS;
  let isTold = false;
  for (;;) {
    const running = await findRunningServer(home);
    if (running !== null && (await takesRequests(running.address))) return running.address;
    if (running === null) {
      if (!isTold) err.write('No Switchyard is running here; starting one for this codex …\n');
      isTold = true;
      const started = await startServer(home, bootstrapKey, env);
      if ('address' in started) return started.address;
      // Another server or command has the home just now: it will serve, or it will leave.
      if (!started.said.includes('is in use by') || performance.now() > deadlineMs)
        throw new CommandRefusal('server_not_started', `No server could be started: ${lastLine(started.said)}`, `The rest is in ${logOf(home)}.`);
    } else if (performance.now() > deadlineMs)
      throw new CommandRefusal('server_not_started', `The server at ${running.address} is stopping, and does not end.`, 'Run this again once it has ended.');
    await sleep(PAUSE_MS);
  }
}

/** Whether a server that lives is not on its way down. */
async function takesRequests(address: string): Promise<boolean> {
  try {
    const answer = await fetch(new URL('/readyz', address), { signal: AbortSignal.timeout(2_000) });
    return ((await answer.json()) as { status?: unknown }).status !== 'draining';
  } catch {
    return false;
  }
}

function logOf(home: string): string {
  return join(home, 'run', 'codex-server.log');
}

/** Starts a server on a free port of loopback, in a session of its own: what a terminal sends to codex is not meant for it. */
async function startServer(home: string, bootstrapKey: string, env: Cli['env']): Promise<{ readonly address: string } | { readonly said: string }> {
  mkdirSync(join(home, 'run'), { recursive: true, mode: 0o700 });
  const log = openSync(logOf(home), 'w', 0o600);
  const child = spawn(process.execPath, [MAIN, 'serve', '--while-used', '--host', '127.0.0.1', '--port', '0'], {
    env: { SWITCHYARD_BOOTSTRAP_KEY: bootstrapKey, ...env },
    stdio: ['ignore', 'pipe', log],
    detached: true,
  });
  closeSync(log);
  const ended = once(child, 'exit');
  ended.catch(() => {});
  let text = '';
  child.stdout!.setEncoding('utf8');
  child.stdout!.on('data', (chunk: string) => (text += chunk));
  for (;;) {
    const address = /^ready (\S+)$/m.exec(text)?.[1];
    if (address !== undefined) {
      child.stdout!.destroy();
      child.unref();
      return { address };
    }
    const isOver = await Promise.race([once(child.stdout!, 'data').then(() => false), ended.then(() => true)]);
    if (isOver) return { said: readFileSync(logOf(home), 'utf8') };
  }
}

function lastLine(said: string): string {
  return (
    said
      .trim()
      .split('\n')
      .find((line) => line.startsWith('error: '))
      ?.slice('error: '.length) ?? 'it ended before it could serve.'
  );
}
