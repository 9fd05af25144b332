// Writes what is printed from the table of settings; with --check compares instead and fails on a difference.
import { readFileSync, writeFileSync } from 'node:fs';

import { generatedDocs } from './generated-docs.ts';

const root = new URL('../../../', import.meta.url);
const checking = process.argv.includes('--check');
let stale = 0;
for (const { path, text } of generatedDocs()) {
  const file = new URL(path, root);
  if (!checking) {
    writeFileSync(file, text);
    continue;
  }
  let current: string | null = null;
  try {
    current = readFileSync(file, 'utf8');
  } catch {
    // absent is a difference too
  }
  if (current === text) continue;
  stale++;
  process.stderr.write(`${path} is not what the table of settings says; run: node packages/config/src/generate-docs.ts\n`);
}
if (stale > 0) process.exitCode = 1;
