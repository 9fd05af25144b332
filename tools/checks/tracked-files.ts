import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** A file under version control, as text. */
export interface TrackedFile {
  /** Relative to the root, with `/`. */
  readonly path: string;
  readonly text: string;
}

/** Every text file that is tracked, or new and not ignored, so that a breach is found before it is committed. */
export async function trackedFiles(root: string): Promise<TrackedFile[]> {
  const { stdout } = await promisify(execFile)('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: root, maxBuffer: 64 << 20 });
  const paths = stdout.split('\0').filter((path) => path !== '');
  const files = await Promise.all(paths.map((path) => readText(root, path)));
  return files.filter((file) => file !== null);
}

async function readText(root: string, path: string): Promise<TrackedFile | null> {
  try {
    const text = await readFile(join(root, path), 'utf8');
    return text.includes('\0') ? null : { path, text };
  } catch {
    return null; // removed but not yet committed, or a link to a folder
  }
}
