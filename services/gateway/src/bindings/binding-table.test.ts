import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BindingTable } from './binding-table.ts';
import { BINDING_KINDS, KINDS } from './kinds.ts';
import type { BindingKind } from './kinds.ts';
import { NOBODY } from './merge.ts';
import type { BindingValue } from './merge.ts';

/** What the table should be: a map in order of last use. */
class Model {
  entries = new Map<string, { readonly kind: BindingKind; readonly value: BindingValue }>();

  put(kind: BindingKind, key: string, value: BindingValue, isOldest: boolean): void {
    this.entries.delete(key);
    if (isOldest) this.entries = new Map([[key, { kind, value }], ...this.entries]);
    else this.entries.set(key, { kind, value });
  }

  oldest(kind: BindingKind): string | undefined {
    for (const [key, entry] of this.entries) if (entry.kind === kind && entry.value.owner !== NOBODY) return key;
    return undefined;
  }

  evictOldest(kind: BindingKind): boolean {
    const key = this.oldest(kind);
    return key !== undefined && this.entries.delete(key);
  }

  sweep(nowS: number, most: number): number {
    let removed = 0;
    for (const kind of KINDS) {
      for (let key = this.oldest(kind); key !== undefined && removed < most; key = this.oldest(kind), removed++) {
        if (this.entries.get(key)!.value.touchedAtS + BINDING_KINDS[kind].lastsS >= nowS) break;
        this.entries.delete(key);
      }
    }
    return removed;
  }

  removeOwner(owner: string): void {
    for (const [key, { value }] of this.entries) if (value.owner === owner) this.entries.delete(key);
  }
}

// Few first words, some at the end of every index, so that chains are long, meet, and go round.
const FIRST_WORDS = [0, 1, 2, 0xfffffffe, 0xffffffff] as const;
const DIGESTS = FIRST_WORDS.flatMap((first) => Array.from({ length: 16 }, (_, n) => digestFrom(first, n)));
const digest = fc.tuple(fc.constantFrom(...FIRST_WORDS), fc.nat(15)).map(([first, n]) => ({ digest: digestFrom(first, n), kind: KINDS[n % KINDS.length]! }));

function digestFrom(first: number, n: number): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt32BE(first, 0);
  bytes.writeUInt32BE(n, 12);
  return bytes;
}

const value: fc.Arbitrary<BindingValue> = fc.record({
  owner: fc.constantFrom('acct_a', 'acct_b', NOBODY),
  namespace: fc.constantFrom('key_1', 'key_2'),
  epoch: fc.nat(3),
  boundAtS: fc.nat(100),
  touchedAtS: fc.nat(10_000_000),
  state: fc.constantFrom(0, 1, 2, 3),
  stateAtS: fc.nat(100),
  misses: fc.nat(3),
});
const kind = fc.constantFrom(...KINDS);

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('put' as const), at: digest, value, isOldest: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('remove' as const), at: digest }) },
  fc.record({ do: fc.constant('evict' as const), kind }),
  fc.record({ do: fc.constant('sweep' as const), nowS: fc.nat(10_000_000), most: fc.nat(5) }),
  fc.record({ do: fc.constant('removeOwner' as const), owner: fc.constantFrom('acct_a', 'acct_b', 'acct_unknown') }),
);

test('whatever is done to it, the table holds what a map in order of last use would hold', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200, size: 'max' }), (steps) => {
      const table = new BindingTable(64);
      const model = new Model();
      const took: [found: unknown, wanted: unknown][] = [];
      for (const each of steps) {
        if (each.do === 'put') {
          if (!table.put(each.at.kind, each.at.digest, each.value, each.isOldest)) throw new Error('the table is full');
          model.put(each.at.kind, each.at.digest.toString('hex'), each.value, each.isOldest);
        } else if (each.do === 'remove') {
          table.remove(each.at.digest);
          model.entries.delete(each.at.digest.toString('hex'));
        } else if (each.do === 'evict') took.push([table.evictOldest(each.kind), model.evictOldest(each.kind)]);
        else if (each.do === 'sweep') took.push([table.sweep(each.nowS, each.most), model.sweep(each.nowS, each.most)]);
        else {
          table.removeOwner(each.owner);
          model.removeOwner(each.owner);
        }
      }
      expect(took.map(([found]) => found)).toEqual(took.map(([, wanted]) => wanted));
      expect(table.size).toBe(model.entries.size);
      const values = [...model.entries.values()];
      expect(table.conflicts).toBe(values.filter(({ value: { owner } }) => owner === NOBODY).length);
      for (const each of KINDS) expect(table.count(each)).toBe(values.filter((entry) => entry.kind === each && entry.value.owner !== NOBODY).length);
      const found = DIGESTS.map((at) => table.find(at)).map((entry) => (entry === -1 ? undefined : table.read(entry)));
      expect(found).toEqual(DIGESTS.map((at) => model.entries.get(at.toString('hex'))?.value));
    }),
    { numRuns: 1_000 },
  );
});

test('a full table of conflicts takes no more, and says so', () => {
  const table = new BindingTable(1);
  const conflict: BindingValue = { owner: NOBODY, namespace: 'key_1', epoch: 0, boundAtS: 1, touchedAtS: 1, state: 0, stateAtS: 1, misses: 0 };
  let n = 0;
  while (table.put('response', digestFrom(n, n), conflict)) n++;
  expect(table.size).toBe(n);
  expect(table.evictOldest('response')).toBe(false);
  expect(table.sweep(2 ** 32, 10)).toBe(0);
  expect(table.put('response', digestFrom(0, 0), { ...conflict, owner: 'acct_a' })).toBe(true);
});

test('a million bindings take no more than 160 bytes each', () => {
  expect(new BindingTable(1_000_000).bytes / 1_000_000).toBeLessThanOrEqual(160);
  expect(new BindingTable(50_000).bytes / 50_000).toBeLessThanOrEqual(160);
});
