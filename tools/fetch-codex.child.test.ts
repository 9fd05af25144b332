import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { CODEX_VERSION, fetchCodex, findCodex } from './fetch-codex.mjs';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fetch-codex-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const fake = async (name: string, version: string): Promise<string> => {
  const path = join(folder, name);
  await writeFile(path, `#!/bin/sh\necho "codex-cli ${version}"\n`);
  await chmod(path, 0o755);
  return path;
};

test('PROXY_CODEX_BIN wins over everything, whatever its version', async () => {
  const mine = await fake('my-codex', '9.9.9');
  await fake('codex', CODEX_VERSION);
  expect(await fetchCodex({ env: { PATH: folder, PROXY_CODEX_BIN: mine } })).toBe(mine);
});

test('PROXY_CODEX_BIN that names nothing is refused with the remedy', async () => {
  const env = { PATH: folder, PROXY_CODEX_BIN: join(folder, 'absent') };
  await expect(fetchCodex({ env })).rejects.toThrow(/absent[^]*unset it/);
  expect(findCodex(env)).toBe(undefined);
});

test('a codex on PATH is taken when it is exactly the pinned version', async () => {
  const pinned = await fake('codex', CODEX_VERSION);
  expect(await fetchCodex({ env: { PATH: folder } })).toBe(pinned);
});

test('another version on PATH is passed over, and the pinned one is fetched and is what it says', async () => {
  const wrong = await fake('codex', '0.1.0');
  const path = await fetchCodex({ env: { ...process.env, PATH: `${folder}:${process.env['PATH']}`, PROXY_CODEX_BIN: '' } });
  expect(path).not.toBe(wrong);
  expect(path).toBe(findCodex({ PATH: '' }));
  const { stdout } = await promisify(execFile)(path, ['--version']);
  expect(stdout.trim()).toBe(`codex-cli ${CODEX_VERSION}`);
}, 600_000);
