import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a running server says of itself, so that the command line finds it. */
export interface RunningServer {
  /** Where the data plane listens: `http://HOST:PORT`. */
  readonly address: string;
  /** Where our own API listens; the same unless it was moved. */
  readonly adminAddress: string;
  readonly pid: number;
  readonly version: string;
}

function pathOf(home: string): string {
  return join(home, 'run', 'server.json');
}

/** Tells where the server is. @returns what takes it back */
export function writeServerFile(home: string, server: RunningServer): () => void {
  const path = pathOf(home);
  mkdirSync(join(home, 'run'), { recursive: true, mode: 0o700 });
  writeFileSync(`${path}.new`, `${JSON.stringify(server, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
  return () => {
    if (readServerFile(home)?.pid === server.pid) rmSync(path, { force: true });
  };
}

function readServerFile(home: string): RunningServer | null {
  try {
    return JSON.parse(readFileSync(pathOf(home), 'utf8')) as RunningServer;
  } catch {
    return null; // absent, or cut short by a crash: then nothing is running that could be found by it
  }
}

/** The server of this home, if one is alive and answers. */
export async function findRunningServer(home: string): Promise<RunningServer | null> {
  const server = readServerFile(home);
  if (server === null || !isAlive(server.pid)) return null;
  const answers = await fetch(new URL('/livez', server.address), { signal: AbortSignal.timeout(2_000) }).then(
    (response) => response.ok,
    () => false,
  );
  return answers ? server : null;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
