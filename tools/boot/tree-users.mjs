import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { identityOf, isAlive } from './process-identity.mjs';

const FOLDER = 'node_modules/.switchyard/users';

/**
 * Leaves a mark inside the tree for as long as this boot or its child runs from it, so that no other boot replaces the tree under them.
 * The mark names both: the child may outlive a boot that was killed.
 * @param {string} root
 * @param {string} task  Named in the refusal of whoever wants to install.
 * @returns {{ addChild: (pid: number) => void, remove: () => void }}
 */
export function markTreeUsed(root, task) {
  const folder = join(root, FOLDER);
  const file = join(folder, `${process.pid}.json`);
  const processes = [identityOf(process.pid)];
  const write = () => writeFileSync(file, JSON.stringify({ task, processes: processes.filter((identity) => identity !== null) }));
  mkdirSync(folder, { recursive: true });
  write();
  return {
    addChild(pid) {
      processes.push(identityOf(pid));
      write();
    },
    remove() {
      rmSync(file, { force: true });
    },
  };
}

/**
 * Live users of the tree; marks of the dead are swept on the way.
 * @param {string} root
 * @returns {{ task: string, pid: number }[]}
 */
export function liveTreeUsers(root) {
  const folder = join(root, FOLDER);
  let names;
  try {
    names = readdirSync(folder);
  } catch (error) {
    if (error.code === 'ENOENT') return [];
    throw error;
  }
  return names.flatMap((name) => {
    const file = join(folder, name);
    const mark = readMark(file);
    const alive = mark?.processes.filter(isAlive) ?? [];
    if (alive.length === 0) {
      rmSync(file, { force: true });
      return [];
    }
    return [{ task: mark.task, pid: alive[alive.length - 1].pid }];
  });
}

// A mark is written before its process does anything, so one that cannot be read was cut off by a crash.
function readMark(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return null;
  }
}
