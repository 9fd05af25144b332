import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { dirname } from 'node:path';
import { readProcessTable, treeOf } from './process-table.ts';

/** How a child of the bench is started. */
export interface ChildSpec {
  /** Names it in progress lines and errors. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<NodeJS.ProcessEnv>;
  /** The folder it runs in. */
  readonly cwd?: string;
  /** The only core it may run on; undefined leaves it to the kernel. */
  readonly core?: number | undefined;
  /** Takes its stderr, and its stdout once `ready` was read. */
  readonly logFile: string;
  /** Opens a message channel, for our own Node programs. */
  readonly messages?: boolean;
}

/** A running child. Every one is ended by its process id, also when the bench itself is stopped. */
export interface Child {
  readonly name: string;
  readonly pid: number;
  readonly process: ChildProcess;
  /** Settles with the exit code, or null after a signal. */
  readonly exited: Promise<number | null>;
  /** Asks it to end, and ends its whole tree by force when it has not after `graceMs`. */
  end(graceMs?: number): Promise<void>;
}

const living = new Set<Child>();
process.on('exit', () => {
  for (const child of living) killTree(child.pid); // the last resort: nothing may outlive the bench
});

/** Ends every child that still runs. */
export async function endChildren(): Promise<void> {
  await Promise.all([...living].map((child) => child.end()));
}

/** Starts a child. @throws Error when the program cannot be started. */
export async function startChild(spec: ChildSpec): Promise<Child> {
  const pinned = spec.core === undefined ? [] : ['taskset', '-c', String(spec.core)];
  const [command, ...args] = [...pinned, spec.command, ...spec.args] as [string, ...string[]];
  mkdirSync(dirname(spec.logFile), { recursive: true });
  const log = openSync(spec.logFile, 'w');
  const child = spawn(command, args, {
    stdio: spec.messages ? ['ignore', log, log, 'ipc'] : ['ignore', 'pipe', log],
    env: { ...process.env, ...spec.env },
    ...(spec.cwd === undefined ? {} : { cwd: spec.cwd }),
  });
  closeSync(log);
  const exited = new Promise<number | null>((resolve) => {
    child.once('exit', (code) => {
      living.delete(running);
      resolve(code);
    });
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (error) => reject(new Error(`${spec.name} could not be started (${command}): ${error.message}`)));
  });
  const pid = child.pid as number;
  const running: Child = {
    name: spec.name,
    pid,
    process: child,
    exited,
    end: async (graceMs = 15_000) => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const force = setTimeout(() => killTree(pid), graceMs);
      child.kill('SIGTERM');
      await exited;
      clearTimeout(force);
    },
  };
  living.add(running);
  return running;
}

function killTree(root: number): void {
  for (const { pid } of treeOf(root, readProcessTable()).toReversed()) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // it ended between the reading of the table and now
    }
  }
}

/**
 * Waits for the line `ready http://HOST:PORT` on a child's stdout.
 * @returns The port.
 * @throws Error with the end of the child's log when it exits or stays silent for `timeoutMs`.
 */
export async function readyPort(child: Child, logFile: string, timeoutMs = 120_000): Promise<number> {
  const stdout = child.process.stdout;
  if (stdout === null) throw new Error(`${child.name} has no stdout to wait on.`);
  let text = '';
  return await new Promise((resolve, reject) => {
    const fail = (why: string): void => {
      clearTimeout(timer);
      reject(new Error(`${child.name} ${why}. Its log ends with:\n${logTail(logFile)}`));
    };
    const timer = setTimeout(() => fail(`was not ready after ${timeoutMs / 1000} s`), timeoutMs);
    stdout.setEncoding('utf8');
    stdout.on('data', (piece: string) => {
      text = (text + piece).slice(-4096); // read to the end of its life, or the pipe would fill up
      const found = /^ready http:\/\/\S+:(\d+)\s*$/m.exec(text);
      if (found === null) return;
      clearTimeout(timer);
      resolve(Number(found[1]));
    });
    void child.exited.then((code) => fail(`ended before it was ready (exit code ${code})`));
  });
}

/** Waits until something listens on a port of loopback. @throws Error as `readyPort` does. */
export async function listening(child: Child, port: number, logFile: string, timeoutMs = 30_000): Promise<void> {
  child.process.stdout?.resume();
  let gone = false;
  void child.exited.then(() => (gone = true));
  const deadline = performance.now() + timeoutMs;
  while (!(await accepts(port))) {
    if (gone || performance.now() > deadline) {
      throw new Error(`${child.name} does not listen on port ${port}. Its log ends with:\n${logTail(logFile)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** A port of loopback that nobody holds now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

/** The last lines of a child's log. */
export function logTail(logFile: string): string {
  return readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-15).join('\n');
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
