import { readFileSync, writeFileSync } from 'node:fs';
import { generatedPages, stalePages } from './generated-pages.ts';

// Writes the generated pages of docs/; with --check compares instead, and ends with 1 when one differs.
const root = new URL('../../', import.meta.url);
if (process.argv.includes('--check')) {
  for (const path of stalePages(readOrNull)) {
    process.stderr.write(`${path} is not what its table says; run: node tools/docs/generate.ts\n`);
    process.exitCode = 1;
  }
} else {
  for (const { path, text } of generatedPages()) writeFileSync(new URL(path, root), text);
}

function readOrNull(path: string): string | null {
  try {
    return readFileSync(new URL(path, root), 'utf8');
  } catch {
    return null;
  }
}
