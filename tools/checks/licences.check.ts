import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Check } from './check.ts';
import { forbiddenLicences } from './licences.ts';
import type { LicensedEntry } from './licences.ts';
import { trackedFiles } from './tracked-files.ts';

export const check: Check = {
  holds: 'every installed package is under a licence of our list',
  async problems(root) {
    // What the bench fetches to measure itself against is neither shipped nor linked with anything of ours.
    const locks = (await trackedFiles(root)).filter(({ path }) => /(^|\/)package-lock\.json$/.test(path) && !path.startsWith('bench/'));
    const found = await Promise.all(
      locks.map(async ({ path }) => forbiddenLicences(await readPackages(join(root, path))).map((problem) => `${path}: ${problem}`)),
    );
    return found.flat();
  },
};

async function readPackages(file: string): Promise<Record<string, LicensedEntry>> {
  return (JSON.parse(await readFile(file, 'utf8')) as { packages: Record<string, LicensedEntry> }).packages;
}
