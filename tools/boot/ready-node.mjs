import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { isForHost, missingPackages } from './missing-packages.mjs';
import { isNodeFit, NODE_RANGE } from './node-range.mjs';
import { explainLeftOut, npmCi } from './npm-ci.mjs';
import { readLock, readRecord } from './read-lock.mjs';
import { Refusal } from './refusal.mjs';

/**
 * The Node that runs the task: this one when it is new enough, else the one pinned in tools/runtime, fetched as an ordinary package.
 * @param {{ root: string, host: import('./missing-packages.mjs').Host, env: NodeJS.ProcessEnv, version: string, execPath: string,
 *   progress: import('./progress.mjs').Progress, beforeInstall: () => void,
 *   onInstall: (pid: number) => void }} options
 * @returns {Promise<string>} the path of its program file
 */
export async function readyNode({ root, host, env, version, execPath, progress, beforeInstall, onInstall }) {
  if (isNodeFit(version)) {
    progress.note(`Node ${version} of this machine`);
    return execPath;
  }
  const folder = join(root, 'tools/runtime');
  const locked = readLock(folder);
  const pinned = Object.entries(locked).find(([path, entry]) => path !== '' && isForHost(entry, host));
  if (pinned === undefined) {
    throw new Refusal(
      `Node ${version} is too old, and there is no newer one in npm's registry for ${host.os} ${host.cpu}.`,
      `Install Node ${NODE_RANGE} yourself, then run the same command again.`,
    );
  }
  const [path, entry] = pinned;
  const node = join(folder, path, entry.bin.node);
  const isMissing = () => missingPackages({ [path]: entry }, readRecord(folder), host).runtime.length > 0;
  if (isMissing()) {
    beforeInstall();
    const install = { at: folder, mb: 260, development: false };
    const using = { node: execPath, env, onSpawn: onInstall };
    await progress.slow(`Fetching Node ${entry.version}, for this machine has ${version}`, async () => {
      await npmCi(install, using);
      if (isMissing()) throw await explainLeftOut(`${path.replace(/^.*node_modules\//, '')}@${entry.version}`, install, using);
    });
    refuseUnlessRuns(node, entry.version, host);
  } else {
    progress.note(`Node ${entry.version} from tools/runtime`);
  }
  return node;
}

function refuseUnlessRuns(node, wanted, host) {
  let answer;
  try {
    answer = execFileSync(node, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
  } catch (error) {
    answer = String(error.stderr || error.message)
      .trim()
      .split('\n')[0];
  }
  if (answer === `v${wanted}`) return;
  throw new Refusal(
    `The fetched Node ${wanted} does not run on this ${host.os} ${host.cpu} (${host.libc() ?? 'no C library named'}): ${answer}`,
    `Install Node ${NODE_RANGE} yourself, then run the same command again.`,
  );
}
