/**
 * `node bench/compare.ts A.json B.json`: says whether two runs agree within 10 %, line by line.
 * Exit code 1 when they do not, 2 when a file cannot be read as a result.
 */
import { readFileSync } from 'node:fs';
import { compareBoards } from './report/compare-boards.ts';
import type { ResultDocument } from './report/document.ts';
import { number } from './report/markdown.ts';

function read(file: string): ResultDocument {
  const parsed = JSON.parse(readFileSync(file, 'utf8')) as Partial<ResultDocument>;
  if (parsed.format !== 'switchyard-bench-1') throw new Error(`${file} is not a result of this bench.`);
  return parsed as ResultDocument;
}

try {
  const [first, second] = process.argv.slice(2);
  if (first === undefined || second === undefined) throw new Error('Usage: node bench/compare.ts A.json B.json');
  const a = read(first);
  const b = read(second);
  process.stdout.write(`${a.commit} of ${a.startedAt} against ${b.commit} of ${b.startedAt}\n`);
  const lines = compareBoards(a.board, b.board);
  for (const { title, unit, before, after, difference, agrees } of lines) {
    process.stdout.write(
      `${agrees ? 'agrees ' : 'DIFFERS'}  ${(difference * 100).toFixed(1).padStart(6)} %  ${title}: ${number(before)} → ${number(after)} ${unit}\n`,
    );
  }
  const apart = lines.filter(({ agrees }) => !agrees).length;
  process.stdout.write(apart === 0 ? `All ${lines.length} figures agree within 10 %.\n` : `${apart} of ${lines.length} figures differ by more than 10 %.\n`);
  process.exitCode = apart === 0 ? 0 : 1;
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 2;
}
