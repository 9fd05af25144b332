import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Check } from './check.ts';

// Runs every `*.check.ts` of this folder, so that a new check needs no entry anywhere; ends with 1 when one does not hold.
const here = new URL('./', import.meta.url);
const root = fileURLToPath(new URL('../../', import.meta.url));
const names = (await readdir(here)).filter((name) => name.endsWith('.check.ts')).toSorted();

for (const name of names) {
  const { check } = (await import(new URL(name, here).href)) as { check: Check };
  const problems = await check.problems(root);
  process.stdout.write(`${problems.length === 0 ? 'ok  ' : 'FAIL'} ${check.holds}\n${problems.map((problem) => `     ${problem}\n`).join('')}`);
  if (problems.length > 0) process.exitCode = 1;
}
