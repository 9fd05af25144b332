import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { chromium } from 'playwright-core';
import type { Browser } from 'playwright-core';

const root = fileURLToPath(new URL('../', import.meta.url));
const cache = join(root, '.cache');
const unpacker = join(root, 'tools/unpack-chromium.mjs');
const from = join(root, 'node_modules/@sparticuz/chromium');

/**
 * Opens a headless Chromium for a test: the program that `CHROMIUM` names, else the pinned one, which is unpacked into `.cache` when it is first
 * needed (200 MB, some seconds). Its own rules, such as the content security policy and the same origin, are all in force.
 * @throws Error that says what to do, where there is none for this machine
 */
export async function openChromium(env: NodeJS.ProcessEnv = process.env): Promise<Browser> {
  const named = env['CHROMIUM'] ?? '';
  if (named !== '' && !existsSync(named))
    throw new Error(`CHROMIUM names no program: ${named}. Point it at a Chromium, or unset it and the pinned one is used.`);
  if (named !== '') return await chromium.launch({ executablePath: named });
  const folder = await unpacked();
  return await chromium.launch({
    executablePath: join(folder, 'chromium'),
    // The libraries and the font that a machine without any Chromium lacks.
    env: { ...env, LD_LIBRARY_PATH: join(folder, 'al2023/lib'), FONTCONFIG_PATH: folder, XDG_CACHE_HOME: join(folder, 'cache') },
  });
}

async function unpacked(): Promise<string> {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new Error(`There is no pinned Chromium for ${process.platform} ${process.arch}: name one of this machine with CHROMIUM=/path/to/chromium.`);
  const { version } = JSON.parse(readFileSync(join(from, 'package.json'), 'utf8')) as { version: string };
  const folder = join(cache, `chromium-${version}`);
  if (existsSync(folder)) return folder;
  // Put in place whole, so that nobody meets half of it.
  mkdirSync(cache, { recursive: true });
  const partial = mkdtempSync(join(cache, 'chromium-partial-'));
  try {
    await promisify(execFile)(process.execPath, [unpacker, join(from, 'bin')], { env: { ...process.env, TMPDIR: partial } });
    writeFileSync(join(partial, 'fonts.conf'), FONTS);
    renameSync(partial, folder);
  } catch (error) {
    rmSync(partial, { recursive: true, force: true });
    if (!existsSync(folder)) throw error; // else another one was faster
  }
  return folder;
}

// The one that comes with the font looks for it in places of another machine.
const FONTS = '<fontconfig><dir prefix="relative">fonts</dir><cachedir prefix="xdg">fontconfig</cachedir></fontconfig>\n';
