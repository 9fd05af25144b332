/**
 * @typedef {{ version?: string, integrity?: string, resolved?: string, link?: boolean, optional?: boolean, dev?: boolean, devOptional?: boolean,
 *   os?: string | string[], cpu?: string | string[], libc?: string | string[], bin?: Record<string, string> }} LockEntry  One row of a lockfile.
 * @typedef {{ os: string, cpu: string, libc: () => string | null }} Host  `libc` is asked only when a package cares, because finding out is slow.
 */

/**
 * What a tree lacks, by comparing the lockfile with npm's own record of what it installed (`node_modules/.package-lock.json`). npm writes that
 * record last and removes it first, so it is the stamp: a half-made tree has none. Optional packages count when they are for this platform:
 * npm leaves them out without an error when their download fails.
 *
 * @param {Record<string, LockEntry>} locked     `packages` of package-lock.json
 * @param {Record<string, LockEntry>} installed  `packages` of npm's record; empty when there is none
 * @param {Host} host
 * @returns {{ runtime: string[], development: string[] }} paths of what is absent or differs, by what needs it
 */
export function missingPackages(locked, installed, host) {
  const missing = { runtime: [], development: [] };
  for (const [path, entry] of Object.entries(locked)) {
    if (!path.includes('node_modules/') || isSame(entry, installed[path])) continue;
    if (entry.optional && !isForHost(entry, host)) continue;
    missing[entry.dev || entry.devOptional ? 'development' : 'runtime'].push(path);
  }
  return missing;
}

/**
 * Whether a package names platforms and this host is among them.
 * @param {LockEntry} entry
 * @param {Host} host
 */
export function isForHost({ os, cpu, libc }, host) {
  const has = (wanted, actual) => wanted === undefined || [wanted].flat().includes(actual);
  return (os !== undefined || cpu !== undefined) && has(os, host.os) && has(cpu, host.cpu) && (libc === undefined || has(libc, host.libc()));
}

function isSame(entry, found) {
  if (found === undefined) return false;
  return entry.link ? found.link === true && found.resolved === entry.resolved : found.version === entry.version && found.integrity === entry.integrity;
}
