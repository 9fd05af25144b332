import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where the key lies that codex is run with, so that its conversations stay its own from one run to the next. */
function pathOf(home: string): string {
  return join(home, 'run', 'codex.key');
}

/** The key of the runs before, or null. */
export function readRunKey(home: string): string | null {
  try {
    return readFileSync(pathOf(home), 'utf8').trim() || null;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** Keeps a key for the runs to come, readable by its owner only. @returns the key that is kept: of two runs at once, the first one's */
export function keepRunKey(home: string, key: string, replaces: string | null): string {
  const draft = `${pathOf(home)}.${process.pid}`;
  writeFileSync(draft, `${key}\n`, { mode: 0o600 });
  try {
    if (replaces === null) linkSync(draft, pathOf(home));
    else renameSync(draft, pathOf(home));
    return key;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return readRunKey(home) ?? key;
  } finally {
    rmSync(draft, { force: true });
  }
}
