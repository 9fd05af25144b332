/**
 * Looks bindings up in tables of two sizes, in turn, and prints what a look-up takes: digest, search and reading together, as a request pays
 * for them. `bench/` starts it. Usage: node bindings.ts SMALL LARGE
 */
import { BindingTable } from '../src/bindings/binding-table.ts';
import { digestOf } from '../src/bindings/digest.ts';
import type { BindingValue } from '../src/bindings/merge.ts';

const LOOKUPS = 50_000;
const ROUNDS = 9;
const ACCOUNTS = 1_000;

interface Filled {
  readonly size: number;
  readonly table: BindingTable;
  /** Resident memory that it took to fill. */
  readonly residentBytes: number;
}

const value = (n: number): BindingValue => ({
  owner: `acc_bench_${n % ACCOUNTS}`,
  namespace: 'key_bench',
  epoch: 0,
  boundAtS: 1_760_000_000,
  touchedAtS: 1_760_000_000 + n,
  state: 0,
  stateAtS: 1_760_000_000,
  misses: 0,
});

function fill(size: number): Filled {
  const before = process.memoryUsage().rss;
  const table = new BindingTable(size);
  for (let n = 0; n < size; n++) table.put('response', digestOf('response', '', null, `resp_bench_${n}`), value(n));
  globalThis.gc?.();
  return { size, table, residentBytes: process.memoryUsage().rss - before };
}

/** Nanoseconds of one look-up; the ids stand in no order that the table has. */
function look({ size, table }: Filled, prefix: string, expected: number): number {
  let found = 0;
  let n = 1;
  const startedAt = process.hrtime.bigint();
  for (let i = 0; i < LOOKUPS; i++) {
    n = (n * 48_271) % 2_147_483_647; // Lehmer's generator: a step must cost nothing beside a look-up
    const entry = table.find(digestOf('response', '', null, prefix + (n % size)));
    if (entry !== -1 && table.read(entry).epoch === 0) found++;
  }
  const ns = Number(process.hrtime.bigint() - startedAt) / LOOKUPS;
  if (found !== expected) throw new Error(`${found} of ${LOOKUPS} look-ups found a binding; it should have been ${expected}.`);
  return ns;
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;

const tables = process.argv.slice(2).map((size) => fill(Number(size)));
const hits = tables.map((): number[] => []);
const misses = tables.map((): number[] => []);
for (let round = 0; round <= ROUNDS; round++) {
  for (const [i, table] of tables.entries()) {
    const hit = look(table, 'resp_bench_', LOOKUPS);
    const miss = look(table, 'resp_other_', 0);
    if (round === 0) continue; // Node compiles
    hits[i]!.push(hit);
    misses[i]!.push(miss);
  }
}
const sizes = tables.map(({ size, residentBytes }, i) => ({
  size,
  hitNs: median(hits[i]!),
  missNs: median(misses[i]!),
  bytesEach: residentBytes / size,
}));
process.stdout.write(`${JSON.stringify({ sizes })}\n`);
