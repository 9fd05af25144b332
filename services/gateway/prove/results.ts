import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { join } from 'node:path';
import { Coverage } from './coverage.ts';
import type { Slice } from './slice.ts';

/** A slice with what it is a proof of. */
export interface WrittenSlice extends Omit<Slice, 'seen'> {
  readonly commit: string;
  /** When it ended. */
  readonly at: string;
}

/** All slices of one state of the code, in a file of their own, so that a run goes on where the last one ended. */
export interface Results {
  readonly file: string;
  readonly slices: readonly WrittenSlice[];
  add(slice: Slice): void;
  /** Keeps what was seen in a case with violations in a file of its own. @returns where */
  keepCase(slice: Slice): string;
  /** Writes the sum of all that was walked. @returns where */
  summarise(wanted: number): string;
}

/** What a walk depends on: the gateway, what it is made of, and the walk itself; not their tests, and nothing elsewhere. */
const PROVED = ['services/gateway/src', 'services/gateway/migrations', 'services/gateway/prove', 'packages'];
const IS_PROVED = /(?<!\.test|\.gen)\.(?:ts|sql)$/;

/** The state of the code that results are about, and the folder for them. */
export function provedIn(root: string): { readonly proved: string; readonly commit: string; readonly folder: string } {
  const git = (...args: string[]): string => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim();
  const files = git('ls-tree', '-r', 'HEAD', '--', ...PROVED)
    .split('\n')
    .filter((line) => IS_PROVED.test(line));
  const isChanged = git('status', '--porcelain', '--', ...PROVED) !== '';
  const proved = createHash('sha256').update(files.join('\n')).digest('hex').slice(0, 12) + (isChanged ? '-changed' : '');
  const commit = git('rev-parse', '--short=12', 'HEAD');
  const folder = join(root, 'prove/results');
  mkdirSync(folder, { recursive: true });
  return { proved, commit, folder };
}

/** What has been written to a file of results, a line each. */
export function writtenIn<T>(file: string): T[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T);
}

export function openResults(root: string): Results {
  const { proved, commit, folder } = provedIn(root);
  const file = join(folder, `${proved}.jsonl`);
  const slices = writtenIn<WrittenSlice>(file);
  return {
    file,
    slices,
    add(slice) {
      const { seen: _seen, ...told } = slice;
      const written = { ...told, commit, at: new Date().toISOString() };
      slices.push(written);
      appendFileSync(file, `${JSON.stringify(written)}\n`);
    },
    keepCase({ violations, seen }) {
      const path = join(folder, `${proved}-${violations[0]!.seed}.log`);
      writeFileSync(path, `${[...violations.map((violation) => JSON.stringify(violation)), ...seen].join('\n')}\n`);
      return path;
    },
    summarise(wanted) {
      const path = join(folder, `${proved}.json`);
      const counts = new Coverage();
      for (const slice of slices) counts.add(slice.counts);
      const sum = (of: (slice: WrittenSlice) => number): number => slices.reduce((total, slice) => total + of(slice), 0);
      const summary = {
        proved,
        commits: [...new Set(slices.map((slice) => slice.commit))],
        steps: sum(({ steps }) => steps),
        wanted,
        cases: sum(({ cases }) => cases),
        first_seed: Math.min(...slices.map(({ seed }) => seed)),
        last_seed: Math.max(...slices.map(({ seed, cases }) => seed + cases - 1)),
        violations: slices.flatMap(({ violations }) => violations),
        walked_from: new Date(Math.min(...slices.map(({ at, ms }) => Date.parse(at) - ms))).toISOString(),
        walked_until: slices
          .map(({ at }) => at)
          .toSorted()
          .at(-1),
        machine: { cpu: cpus()[0]?.model, cores: availableParallelism(), node: process.version },
        counts: counts.all(),
      };
      writeFileSync(path, `${JSON.stringify(summary, null, 2)}\n`);
      return path;
    },
  };
}
