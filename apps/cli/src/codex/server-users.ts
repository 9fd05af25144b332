import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

// A server that was started for somebody ends with its last user. Each user has a file named after its process, so that one that was killed
// does not keep the server alive.

function folderOf(home: string): string {
  return join(home, 'run', 'users');
}

/** Says that this process uses the server of a home, until it is disposed. */
export function useServer(home: string, pid: number = process.pid): Disposable {
  const folder = folderOf(home);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, String(pid));
  writeFileSync(path, '', { mode: 0o600 });
  return { [Symbol.dispose]: () => rmSync(path, { force: true }) };
}

/** Whether some living process uses the server of a home. Files of dead ones are taken away. */
export function isUsed(home: string): boolean {
  const folder = folderOf(home);
  let used = false;
  for (const name of namesIn(folder)) {
    if (isAlive(Number(name))) used = true;
    else rmSync(join(folder, name), { force: true });
  }
  return used;
}

const LOOK_MS = 500;

/** Calls back once nobody has used the server of a home for two looks in a row: between two users there may be a moment. */
export function whenUnused(home: string, call: () => void): Disposable {
  let unused = 0;
  const timer = setInterval(() => {
    unused = isUsed(home) ? 0 : unused + 1;
    if (unused < 2) return;
    clearInterval(timer);
    call();
  }, LOOK_MS);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
