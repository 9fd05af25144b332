import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The packages that a folder's lockfile asks for.
 * @param {string} folder
 * @returns {Record<string, import('./missing-packages.mjs').LockEntry>}
 */
export function readLock(folder) {
  return JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8')).packages;
}

/**
 * The packages that npm says it installed in a folder; none when there is no record, or one that a crash cut off.
 * @param {string} folder
 * @returns {Record<string, import('./missing-packages.mjs').LockEntry>}
 */
export function readRecord(folder) {
  try {
    return JSON.parse(readFileSync(join(folder, 'node_modules/.package-lock.json'), 'utf8')).packages;
  } catch {
    return {};
  }
}
