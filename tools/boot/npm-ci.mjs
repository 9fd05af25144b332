import { spawn } from 'node:child_process';
import { existsSync, realpathSync, statfsSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { explainNpmFailure } from './explain-npm-failure.mjs';
import { forwardSignals } from './forward-signals.mjs';
import { Interrupted, Refusal } from './refusal.mjs';

/** What an install is. `mb` is what it needs on disk, asked for before npm removes what is there. */
/** @typedef {{ at: string, mb: number, development: boolean }} Install */

/**
 * Runs `npm ci` in a folder, silently unless it fails. Install scripts never run: the boot does the few things that they would have done.
 * @param {Install} install
 * @param {{ node: string, env: NodeJS.ProcessEnv, onSpawn?: (pid: number) => void }} using  The Node that runs npm.
 * @throws {Refusal} with the meaning of npm's complaint; {@link Interrupted} when a signal ended it
 */
export async function npmCi({ at, mb, development }, using) {
  refuseFullDisk(at, mb);
  const which = development ? ['--include=dev'] : ['--omit=dev'];
  // Everything that a user's own npm settings could turn the other way is said here.
  const args = [
    'ci',
    '--ignore-scripts',
    '--include=optional',
    ...which,
    '--prefer-offline',
    '--no-audit',
    '--no-fund',
    '--no-progress',
    '--loglevel=error',
    // Two repetitions, after 1 s and 10 s; npm's own waits would be a silent minute in front of a registry that is not there.
    '--fetch-retries=2',
    '--fetch-retry-mintimeout=1000',
  ];
  const { code, output } = await runNpm(args, at, using);
  if (code !== 0) throw explainNpmFailure(output, { at, mb });
}

/**
 * Why npm left out an optional package: it ends well, and without a word, when the download of one fails. Asked of the registry itself.
 * @param {string} wanted  `name@version`
 * @param {{ at: string, mb: number }} install
 * @param {{ node: string, env: NodeJS.ProcessEnv, onSpawn?: (pid: number) => void }} using
 * @returns {Promise<Refusal>}
 */
export async function explainLeftOut(wanted, { at, mb }, using) {
  const { code, output } = await runNpm(['view', wanted, 'version', '--prefer-online', '--fetch-retries=0', '--loglevel=error'], at, using);
  if (code !== 0) {
    const { problem, remedy } = explainNpmFailure(output, { at, mb });
    return new Refusal(`${wanted} was not fetched: ${problem}`, remedy);
  }
  return new Refusal(
    `npm ended well but left out ${wanted}, although the registry has it.`,
    'It does so when a download breaks off: check the network and proxy (`npm ping`, `npm config get registry`), then run the same command again.',
  );
}

/**
 * Runs npm to its end, and gathers what it prints.
 * @param {readonly string[]} args
 * @param {string} at
 * @param {{ node: string, env: NodeJS.ProcessEnv, onSpawn?: (pid: number) => void }} using
 */
async function runNpm(args, at, { node, env, onSpawn }) {
  const npm = findNpm(env, process.execPath);
  if (npm === null)
    throw new Refusal('npm is not installed beside Node.', 'Install npm (it comes with Node; on Debian: `apt install npm`), then run the same command again.');
  const child = spawn(node, [npm, ...args], {
    cwd: at,
    env: { ...env, PATH: `${dirname(node)}${delimiter}${env['PATH'] ?? ''}` },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (child.pid !== undefined) onSpawn?.(child.pid);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output = (output + text).slice(-64_000)));
  const stopForwarding = forwardSignals(child);
  const { code, signal } = await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (exitCode, exitSignal) => resolve({ code: exitCode, signal: exitSignal }));
  }).finally(stopForwarding);
  const received = stopForwarding();
  if (received ?? signal) throw new Interrupted(received ?? signal);
  return { code, output };
}

/**
 * npm's own program file, so that it runs under the Node of our choice: the npm that started us, else the one beside this Node, else one on PATH.
 * @param {NodeJS.ProcessEnv} env
 * @param {string} execPath
 * @returns {string | null}
 */
export function findNpm(env, execPath) {
  const beside = ['../lib/node_modules/npm/bin/npm-cli.js', 'node_modules/npm/bin/npm-cli.js'].map((path) => join(dirname(execPath), path));
  const onPath = (env['PATH'] ?? '').split(delimiter).flatMap((folder) => {
    const launcher = join(folder, 'npm');
    return existsSync(launcher) ? [realpathSync(launcher), join(folder, 'node_modules/npm/bin/npm-cli.js')] : [];
  });
  const candidates = [env['npm_execpath'] ?? '', ...beside, ...onPath];
  return candidates.find((path) => /[\\/]npm-cli\.js$/.test(path) && existsSync(path)) ?? null;
}

function refuseFullDisk(at, mb) {
  const { bavail, bsize } = statfsSync(at);
  const free = Math.floor((bavail * bsize) / 1_000_000);
  if (free < mb)
    throw new Refusal(
      `The disk is too full for the packages of ${at}: ${free} MB are free, about ${mb} MB are needed.`,
      'Free some space there, then run the same command again.',
    );
}
