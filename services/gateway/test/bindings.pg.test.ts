import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { testDatabase } from '@switchyard/testkit';
import type { TestDatabase } from '@switchyard/testkit';
import type { BindingRow } from '../src/bindings/bindings.ts';
import { digestOf } from '../src/bindings/digest.ts';
import { BINDING_KINDS, kindLimits } from '../src/bindings/kinds.ts';
import type { KindLimits } from '../src/bindings/kinds.ts';
import { NOBODY, mergeBindings } from '../src/bindings/merge.ts';
import type { BindingValue } from '../src/bindings/merge.ts';
import { GATEWAY_MIGRATIONS } from '../src/index.ts';
import { bindingPages, pruneBindings } from '../src/store/bindings.ts';
import { writeJournal } from '../src/store/write-journal.ts';
import { bindingValue } from './binding-value.ts';

/** How many bindings are merged in SQL; `npm run prove` sets a hundred thousand. */
const MERGES = Number(process.env['SWITCHYARD_TEST_MERGES'] ?? 2_000);

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase({ sets: [GATEWAY_MIGRATIONS] });
});
beforeEach(() => database.pool.query('delete from gateway.binding'));
afterAll(() => database[Symbol.asyncDispose]());

const write = (rows: readonly BindingRow[]): Promise<readonly BindingRow[]> => writeJournal(database.pool, 'inst_test', [], rows, false);

async function stored(limits: Partial<KindLimits> = {}): Promise<BindingRow[]> {
  const pages = await Array.fromAsync(bindingPages(database.pool, kindLimits({ response: 1_000_000, ...limits }), 0));
  return pages.flat();
}

function row(id: string, over: Partial<BindingRow> = {}): BindingRow {
  const digest = digestOf('response', 'key_1', null, id).toString('base64');
  const value: BindingValue = { owner: 'acct_a', namespace: 'key_1', epoch: 0, boundAtS: 1_000, touchedAtS: 1_000, state: 0, stateAtS: 1_000, misses: 0 };
  return { ...value, digest, kind: BINDING_KINDS.response.code, ...over };
}

test('bindings are merged in SQL as they are in memory, whatever the order and the batches', async () => {
  const cases = fc.sample(fc.array(bindingValue, { minLength: 1, maxLength: 4 }), MERGES);
  const rows = cases.map((values) => {
    const digest = randomBytes(16).toString('base64');
    return values.map((value) => ({ ...value, digest, kind: BINDING_KINDS.response.code }));
  });
  for (let slice = 0; slice < rows.length; slice += 2_000) {
    const some = rows.slice(slice, slice + 2_000);
    // First what comes last in each, then the rest in one batch, and all of it once more, as after an answer that was lost.
    await write(some.map((values) => values.at(-1)!));
    await write(some.flatMap((values) => values.slice(0, -1)));
    await write(some.flat());
  }
  const expected = new Map(rows.map((values) => [values[0]!.digest, values.reduce<BindingValue>(mergeBindings, values[0]!)]));
  const found = await stored();
  expect(found.length).toBe(expected.size);
  for (const { digest, kind, ...value } of found) {
    expect(kind).toBe(1);
    const { digest: _digest, kind: _kind, ...wanted } = expected.get(digest)! as BindingRow;
    expect(value).toEqual(wanted);
  }
}, 600_000);

test('whoever writes a binding that another process has otherwise is told', async () => {
  expect(await write([row('resp_1'), row('resp_2')])).toEqual([]);
  expect(await write([row('resp_1', { owner: 'acct_b' }), row('resp_2', { touchedAtS: 1_500 })])).toEqual([row('resp_1', { owner: NOBODY })]);
  expect((await stored()).map(({ owner, touchedAtS }) => [owner, touchedAtS])).toEqual([
    [NOBODY, 1_000],
    ['acct_a', 1_500],
  ]);
});

test('a start reads the last used of each kind, and every conflict', async () => {
  const conflict = row('resp_conflict', { owner: NOBODY, touchedAtS: 1 });
  const session = row('thread', { kind: BINDING_KINDS.session.code, touchedAtS: 2 });
  const responses = Array.from({ length: 10 }, (_, i) =>
    row(`resp_${i}`, { touchedAtS: 2_000 + i, owner: `acct_${i % 3}`, namespace: `key_${i % 2}`, misses: i }),
  );
  await write([conflict, session, ...responses]);
  expect(await stored({ response: 4 })).toEqual([conflict, ...responses.slice(6).toReversed(), session]);
});

test('more bindings than fit one page are read whole and in order', async () => {
  await database.pool.query(`insert into gateway.binding
    select substring(sha256(n::text::bytea) for 16), 1, 'acct_' || n % 7, 'key_' || n % 3, 0, 0, now(), 0, now(), to_timestamp(n) from generate_series(1, 25000) as n`);
  const rows = await stored();
  expect(rows.map(({ touchedAtS }) => touchedAtS)).toEqual(Array.from({ length: 25_000 }, (_, n) => 25_000 - n));
  expect(rows.slice(-7).map(({ owner, namespace }) => `${owner} ${namespace}`)).toEqual(
    Array.from({ length: 7 }, (_, n) => `acct_${(7 - n) % 7} key_${(7 - n) % 3}`),
  );
  expect(rows[0]!.digest).toBe(createHash('sha256').update('25000').digest().subarray(0, 16).toString('base64'));
});

test('of bindings that were used at the same moment none is left out between two pages', async () => {
  await database.pool.query(`insert into gateway.binding
    select substring(sha256(n::text::bytea) for 16), 1, 'acct_a', 'key_1', 0, 0, now(), 0, now(), to_timestamp(1000 + n / 8000) from generate_series(1, 21000) as n`);
  expect(new Set((await stored()).map(({ digest }) => digest)).size).toBe(21_000);
});

test('what is beyond the limits or too old is deleted, the last used first kept, and conflicts stay', async () => {
  const nowS = Math.floor(Date.now() / 1_000);
  const { lastsS } = BINDING_KINDS.response;
  const clock = { nowS: () => nowS, agedS: () => nowS };
  const kept = Array.from({ length: 10 }, (_, i) => row(`resp_${i}`, { touchedAtS: nowS - 100 + i }));
  const old = row('resp_old', { touchedAtS: nowS - lastsS - 60 });
  const conflict = row('resp_conflict', { owner: NOBODY, touchedAtS: 1 });
  await write([...kept, old, conflict]);
  expect(await pruneBindings(database.pool, kindLimits({}), clock)).toBe(1);
  expect(await pruneBindings(database.pool, kindLimits({ response: 4 }), clock)).toBe(6);
  expect(await stored()).toEqual([conflict, ...kept.slice(6).toReversed()]);
});

test('bindings of the version before are taken over, under the digests that this one looks for', async () => {
  const [first, , third] = ['0001-accounts-keys-requests.sql', '0002-seal-account-headers.sql', '0003-bindings.sql'].map((name) =>
    readFileSync(join(GATEWAY_MIGRATIONS.directory, name), 'utf8'),
  );
  await using before = await testDatabase();
  await before.pool.query(first!);
  await before.pool.query(
    "insert into gateway.response_binding (response_id, account_id, key_id, created_at) values ('resp_1', 'acct_a', 'key_1', to_timestamp(1000)), ('résponse ☃', 'acct_b', 'key_2', to_timestamp(2000))",
  );
  await before.pool.query(third!);
  const pages = await Array.fromAsync(bindingPages(before.pool, kindLimits({}), 0));
  expect(pages.flat().toReversed()).toEqual([
    row('resp_1'),
    row('résponse ☃', { owner: 'acct_b', namespace: 'key_2', boundAtS: 2_000, touchedAtS: 2_000, stateAtS: 2_000 }),
  ]);
});
