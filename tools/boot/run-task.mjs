import { existsSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { shareBootLock, takeBootLock } from './boot-lock.mjs';
import { createProgress } from './progress.mjs';
import { readyNode } from './ready-node.mjs';
import { COMPILED, readyTree } from './ready-tree.mjs';
import { Interrupted, Refusal } from './refusal.mjs';
import { runProgram } from './run-program.mjs';
import { commandOf, TASKS } from './tasks.mjs';
import { thisHost } from './this-host.mjs';
import { liveTreeUsers, markTreeUsed } from './tree-users.mjs';

/**
 * Makes the clone ready for a task and runs it (architecture 1, "First command").
 * @param {string} root
 * @param {readonly string[]} argv  The task's name and its arguments.
 * @returns {Promise<{ code: number | null, signal: NodeJS.Signals | null }>} how the task's program ended
 * @throws {Refusal} when it cannot be made ready; {@link Interrupted} when a signal came first
 */
export async function runTask(root, [name = '', ...args]) {
  const task = Object.hasOwn(TASKS, name) ? TASKS[name] : undefined;
  if (task === undefined) throw new Refusal(`There is no task ${JSON.stringify(name)}.`, `Use one of: ${Object.keys(TASKS).join(', ')}.`);
  const progress = createProgress({ write: (line) => process.stderr.write(line), now: () => performance.now(), quiet: task.quiet === true });
  const { node, mark } = await prepare(root, name, task, progress);
  try {
    const env = { ...process.env, ...nodeFirst(node, process.env), NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] ?? join(root, COMPILED) };
    if (task.codex?.(args)) Object.assign(env, await codexFor(root, progress));
    progress.note(`running ${name}`);
    return await runProgram(node, commandOf(root, task, args), { cwd: root, env, onSpawn: (pid) => mark?.addChild(pid) });
  } finally {
    mark?.remove();
  }
}

/** Node, packages and links, under the lock; ends with our mark in the tree. In a clone that cannot be written only what is there is used. */
async function prepare(root, name, task, progress) {
  const cache = join(root, '.cache');
  const release = await takeBootLock(cache, {
    onWait: ({ pid }) => progress.tell(`Waiting for another start in this clone to finish (pid ${pid})`),
  });
  try {
    const beforeInstall = () => refuseInstall(root, name, release !== null);
    const { version, execPath } = { version: process.versions.node, execPath: process.execPath };
    const shared = { root, host: thisHost, env: process.env, progress, beforeInstall, onInstall: (pid) => shareBootLock(cache, pid) };
    const node = await readyNode({ ...shared, version, execPath });
    await readyTree({ ...shared, needs: task.needs, node });
    return { node, mark: release === null ? null : markTreeUsed(root, name) };
  } finally {
    release?.();
  }
}

function refuseInstall(root, name, writable) {
  if (!writable) {
    throw new Refusal(
      `${root} cannot be written, and the packages for \`npm ${name}\` are not installed in it.`,
      'Install once where it can be written (run the same command there), or clone into a folder of your own.',
    );
  }
  const users = liveTreeUsers(root);
  if (users.length === 0) return;
  const named = users.map(({ task, pid }) => `${task} (pid ${pid})`).join(', ');
  throw new Refusal(
    `Packages have to be installed for \`${name}\`, but ${named} runs from this clone, and its files must not be replaced under it.`,
    `Stop it first (\`kill ${users[0].pid}\`), or use another clone; then run the same command again.`,
  );
}

function nodeFirst(node, env) {
  return { PATH: `${dirname(node)}${delimiter}${env['PATH'] ?? ''}`, NODE: node, npm_node_execpath: node };
}

/** The real client for the tests that drive it. Without it they say so and are skipped, except where CI is set. */
async function codexFor(root, progress) {
  const fetcher = join(root, 'tools/fetch-codex.mjs');
  if (process.env['SWITCHYARD_SKIP_CODEX'] === '1' || !existsSync(fetcher)) return {};
  try {
    const { fetchCodex } = await import(pathToFileURL(fetcher).href);
    return { PROXY_CODEX_BIN: await fetchCodex({ log: (text) => progress.tell(text) }) };
  } catch (error) {
    if (error instanceof Interrupted || process.env['CI']) throw error;
    progress.tell(`Going on without the real codex, so its tests are skipped: ${error.message}`);
    return {};
  }
}
