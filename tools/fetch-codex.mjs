import { spawnSync } from 'node:child_process';
import { accessSync, constants, readFileSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { takeBootLock } from './boot/boot-lock.mjs';
import { missingPackages } from './boot/missing-packages.mjs';
import { npmCi } from './boot/npm-ci.mjs';
import { readLock, readRecord } from './boot/read-lock.mjs';
import { Refusal } from './boot/refusal.mjs';
import { thisHost } from './boot/this-host.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = join(root, 'tools/codex');
const MB = 900; // unpacked 405, the rest for npm's cache and temporary files

/** The codex version that Switchyard is written against (codex-protocol, section 0). */
export const CODEX_VERSION = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).dependencies['@openai/codex'];

/**
 * Finds the codex program: `PROXY_CODEX_BIN`, else `codex` on PATH when it is exactly the pinned version, else the one in `tools/codex`, which
 * is fetched now if it is not there yet (400 MB). Two at once are safe: one fetches, the other waits.
 *
 * @param {{ log?: (line: string) => void, env?: NodeJS.ProcessEnv, node?: string }} [options]
 *   `log` gets a line when something slow begins; `node` runs npm.
 * @returns {Promise<string>} the path of the native program
 * @throws {Refusal} with the remedy
 */
export async function fetchCodex({ log = () => {}, env = process.env, node = process.execPath } = {}) {
  const named = env['PROXY_CODEX_BIN'];
  if (named !== undefined && named !== '') {
    if (isProgram(named)) return named;
    throw new Refusal(`PROXY_CODEX_BIN names no program that can be run: ${named}.`, `Point it at a codex ${CODEX_VERSION}, or unset it and one is fetched.`);
  }
  const onPath = pinnedOnPath(env);
  if (onPath !== undefined) return onPath;
  if (!isComplete()) await install({ log, env, node });
  return nativeProgram();
}

/**
 * Without installing anything: the path that {@link fetchCodex} would give now, or undefined when it would have to fetch.
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {string | undefined}
 */
export function findCodex(env = process.env) {
  const named = env['PROXY_CODEX_BIN'];
  if (named !== undefined && named !== '') return isProgram(named) ? named : undefined;
  return pinnedOnPath(env) ?? (isComplete() ? nativeProgram() : undefined);
}

async function install({ log, env, node }) {
  const release = await takeBootLock(join(root, '.cache/codex'), { onWait: ({ pid }) => log(`Process ${pid} is fetching codex; waiting for it`) });
  if (release === null)
    throw new Refusal(`codex is not installed and ${folder} cannot be written.`, 'Make the clone writable, or point PROXY_CODEX_BIN at a codex of your own.');
  try {
    if (isComplete()) return; // whoever had the lock before us did it
    log(`Fetching codex ${CODEX_VERSION} into ${folder} (400 MB)`);
    await npmCi({ at: folder, mb: MB, development: false }, { node, env });
    if (!isComplete())
      throw new Refusal(`codex ${CODEX_VERSION} has no package for ${thisHost.os} ${thisHost.cpu}.`, 'Point PROXY_CODEX_BIN at a codex of your own.');
  } finally {
    release();
  }
}

function isComplete() {
  const record = readRecord(folder);
  const { runtime, development } = missingPackages(readLock(folder), record, thisHost);
  return runtime.length === 0 && development.length === 0 && `node_modules/${platformPackage()}` in record;
}

function platformPackage() {
  return `@openai/codex-${thisHost.os}-${thisHost.cpu}`;
}

/** The program itself and not its launcher: one process less to stop, and no second Node. */
function nativeProgram() {
  const vendor = join(folder, 'node_modules', platformPackage(), 'vendor');
  const [triple] = readdirSync(vendor);
  return join(vendor, triple, 'bin', process.platform === 'win32' ? 'codex.exe' : 'codex');
}

function pinnedOnPath(env) {
  for (const part of (env['PATH'] ?? '').split(delimiter)) {
    const program = join(part, process.platform === 'win32' ? 'codex.exe' : 'codex');
    if (part === '' || !isProgram(program)) continue;
    const { stdout } = spawnSync(program, ['--version'], { encoding: 'utf8', timeout: 10_000, env });
    return stdout?.trim() === `codex-cli ${CODEX_VERSION}` ? program : undefined; // only the first counts, as in a shell
  }
  return undefined;
}

function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    process.stdout.write(`${await fetchCodex({ log: (line) => process.stderr.write(`${line}\n`) })}\n`);
  } catch (error) {
    process.stderr.write(`${error instanceof Refusal ? error.message : (error?.stack ?? error)}\n`);
    process.exitCode = 1;
  }
}
