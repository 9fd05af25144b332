import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { linkPostgresLibraries } from './link-postgres-libraries.mjs';
import { missingPackages } from './missing-packages.mjs';
import { npmCi } from './npm-ci.mjs';
import { readLock, readRecord } from './read-lock.mjs';
import { Refusal } from './refusal.mjs';

/** Where Node keeps compiled forms of our sources: a third less work at each start. */
export const COMPILED = '.cache/compile';

/** Megabytes on disk, with room for npm to unpack beside them. */
const RUNTIME_MB = 200;
const COMPLETE_MB = 600;

/**
 * Brings the packages of the clone to what the lockfile says, and no further: a tree that already serves the task is left alone, and a complete
 * one is never cut down to the runtime part.
 * @param {{ root: string, needs: 'runtime' | 'complete', node: string, host: import('./missing-packages.mjs').Host, env: NodeJS.ProcessEnv,
 *   progress: import('./progress.mjs').Progress, beforeInstall: () => void,
 *   onInstall: (pid: number) => void }} options
 */
export async function readyTree({ root, needs, node, host, env, progress, beforeInstall, onInstall }) {
  const locked = readLock(root);
  const record = readRecord(root);
  if (lacks(missingPackages(locked, record, host), needs).length === 0) {
    progress.note('packages are as package-lock.json says');
  } else {
    beforeInstall();
    const development = needs === 'complete' || Object.values(record).some(({ dev }) => dev === true);
    const text = development ? 'Installing all packages' : 'Installing the packages that the server needs';
    await progress.slow(text, () => npmCi({ at: root, mb: development ? COMPLETE_MB : RUNTIME_MB, development }, { node, env, onSpawn: onInstall }));
    rmSync(join(root, COMPILED), { recursive: true, force: true }); // of the packages that were replaced; it would only grow
    const still = lacks(missingPackages(locked, readRecord(root), host), needs);
    if (still.length > 0) {
      throw new Refusal(
        `npm ended well but left out ${still.slice(0, 3).join(', ')}${still.length > 3 ? ` and ${still.length - 3} more` : ''}.`,
        'It does so when the download of an optional package fails: check the network and the registry, then run the same command again.',
      );
    }
  }
  const links = linkPostgresLibraries(root);
  if (links > 0) progress.tell(`Linked ${links} PostgreSQL libraries`);
}

function lacks({ runtime, development }, needs) {
  return needs === 'complete' ? [...runtime, ...development] : runtime;
}
