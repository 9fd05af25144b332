import { afterAll, beforeAll, expect, test } from 'vitest';
import { testDatabase } from '@switchyard/testkit';
import type { TestDatabase } from '@switchyard/testkit';
import { newId } from '@switchyard/contracts';
import { GATEWAY_MIGRATIONS, findRequest, listRequests } from '../src/index.ts';
import { listDecisions } from '../src/store/decisions.ts';
import type { DecisionPage, WantedDecisions } from '../src/store/decisions.ts';
import { dropOldPartitions, makePartitions } from '../src/store/partitions.ts';
import { writeJournal } from '../src/store/write-journal.ts';
import type { RequestRow } from '../src/settle/request-row.ts';

const DAY_MS = 86_400_000;
const NOON = Date.UTC(2026, 5, 15, 12);

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase({ sets: [GATEWAY_MIGRATIONS] });
});
afterAll(() => database[Symbol.asyncDispose]());

function row(atMs: number, over: Partial<RequestRow> = {}): RequestRow {
  return {
    id: newId('request', atMs),
    started_ms: atMs,
    key_id: 'key_test',
    account_id: undefined,
    surface: 'chat.completions',
    lane: 'responses',
    model: 'm',
    stream: false,
    status: 200,
    outcome: 'completed',
    fault: undefined,
    attempts: 1,
    duration_us: 5_000,
    first_byte_us: 4_000,
    bytes_in: 10,
    bytes_out: 20,
    input_tokens: 3,
    output_tokens: undefined,
    cached_tokens: undefined,
    reasoning_tokens: undefined,
    response_id: undefined,
    client_address: '127.0.0.1',
    client_request_id: undefined,
    upstream_request_id: undefined,
    decision: {
      snapshot: 1,
      attempts: [{ account_id: 'acct_x', account: 'x', chosen_by: 'choice', candidates: 1, in_flight: 0, started_ms: 1, verdict: 'relayed', status: 200 }],
    },
    ...over,
  };
}

const write = async (rows: readonly RequestRow[]): Promise<void> => void (await writeJournal(database.pool, 'inst_test', rows, [], false));

const partitions = async (): Promise<string[]> => {
  const { rows } = await database.pool.query<{ name: string }>(
    'select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = \'gateway.request\'::regclass order by c.relname collate "C"',
  );
  return rows.map(({ name }) => name);
};

test('writing the same batch again changes nothing, and a late open row never undoes an end', async () => {
  const ended = row(NOON, { outcome: 'client_left' });
  await write([ended]);
  await write([ended]);
  await write([{ ...ended, duration_us: undefined, outcome: 'open' }]);
  const { rows } = await database.pool.query('select outcome, ended_at, input_tokens, output_tokens from gateway.request where id = $1', [ended.id]);
  expect(rows).toEqual([{ outcome: 'client_left', ended_at: new Date(NOON + 5), input_tokens: '3', output_tokens: null }]);
});

test('an open row takes in its end', async () => {
  const open = row(NOON, { duration_us: undefined, outcome: 'open', decision: undefined });
  await write([open]);
  await write([{ ...open, duration_us: 9_000, outcome: 'completed' }]);
  expect(await findRequest(database.pool, open.id)).toMatchObject({
    outcome: 'completed',
    ended_at: new Date(NOON + 9),
    duration_ms: 9,
    first_byte_ms: 4,
    decision: null,
  });
});

test('a request is found by its id alone, with every field of its attempts', async () => {
  const wanted = row(NOON + 77);
  await write([wanted]);
  expect(await findRequest(database.pool, wanted.id)).toMatchObject({
    id: wanted.id,
    bytes_out: 20,
    input_tokens: 3,
    decision: { attempts: [{ account: 'x', skipped: {}, least_bad: false, failure: null, upstream_code: null, backoff: null, status: 200 }] },
  });
  await expect(findRequest(database.pool, newId('request', NOON))).rejects.toMatchObject({ code: 'not_found' });
  await expect(findRequest(database.pool, "req_' or true --")).rejects.toMatchObject({ code: 'not_found' });
});

test('pages go through the log newest first, without gaps or repeats', async () => {
  const { rows: before } = await listRequests(database.pool, { limit: 500, after: null });
  const made = Array.from({ length: 25 }, (_, i) => row(NOON + 1_000 + Math.floor(i / 5)));
  await write(made);
  const seen: unknown[] = [];
  let after: string | null = null;
  for (;;) {
    const page: { rows: readonly Readonly<Record<string, unknown>>[]; hasMore: boolean } = await listRequests(database.pool, { limit: 7, after });
    seen.push(...page.rows.map(({ id }) => id));
    if (!page.hasMore) break;
    after = page.rows.at(-1)!['id'] as string;
  }
  expect(seen.length).toBe(25 + before.length);
  expect(new Set(seen).size).toBe(seen.length);
  expect(seen.slice(0, 25)).toEqual(
    made
      .map(({ id }) => id)
      .sort()
      .reverse(),
  );
});

test('what an account was asked for is looked for in so many requests at a time, and page by page all of it is found', async () => {
  const at = NOON + 100 * DAY_MS;
  const asked = (account: string): Partial<RequestRow> => ({
    decision: {
      snapshot: 1,
      attempts: [{ account_id: `acct_${account}`, account, chosen_by: 'choice', candidates: 1, in_flight: 0, started_ms: 1, verdict: 'relayed' }],
    },
  });
  // Many begin within one millisecond.
  const made = Array.from({ length: 60 }, (_, i) => row(at + Math.floor(i / 8), asked(i % 10 === 0 ? 'rare' : 'usual')));
  await write(made);
  const wanted = made.filter((_, i) => i % 10 === 0).map(({ id }) => id);
  const search = async (over: Partial<WantedDecisions>) => {
    const pages: string[][] = [];
    let after: string | null = null;
    for (let page: DecisionPage | null = null; page === null || (page.hasMore && pages.length < 100); after = page.lastId) {
      page = await listDecisions(database.pool, { limit: 2, after, before: new Date(at + DAY_MS), account: 'rare', outcome: null, ...over }, 15);
      pages.push(page.rows.map(({ id }) => id as string));
    }
    return pages;
  };
  for (const account of ['rare', 'acct_rare']) {
    const pages = await search({ account });
    expect(pages.flat()).toEqual(wanted.toSorted().reverse());
    expect(pages[0]!.length).toBeLessThanOrEqual(2);
  }
  const early = await search({ before: new Date(at + 3) });
  expect(early.flat()).toEqual(wanted.slice(0, 3).toSorted().reverse());
  // Nothing found is no reason to look at all at once.
  const none = await listDecisions(database.pool, { limit: 2, after: null, before: new Date(at + DAY_MS), account: 'nobody', outcome: null }, 15);
  expect(none).toEqual({
    rows: [],
    hasMore: true,
    lastId: made
      .map(({ id }) => id)
      .toSorted()
      .reverse()[14],
  });
  expect((await search({ account: null, outcome: 'client_left', before: new Date(at) })).flat().length).toBeGreaterThan(0);
});

test('days are made ahead, dropped when they are too old or too full, and today’s stays', async () => {
  const start = NOON + 400 * DAY_MS;
  for (let i = 0; i < 6; i++) await makePartitions(database.pool, start + i * DAY_MS, 1);
  await makePartitions(database.pool, start, 3);
  const today = start + 5 * DAY_MS;
  for (let i = 0; i < 6; i++) await write(Array.from({ length: 10 }, () => row(start + i * DAY_MS)));
  await database.pool.query('analyze gateway.request');
  const made = (await partitions()).filter((name) => /^request_\d{8}$/.test(name)).slice(-6);
  expect(await dropOldPartitions(database.pool, today, { keepDays: 3, keepRows: 1_000_000 })).toEqual(made.slice(0, 2).map((name) => name.slice(8)));
  expect(await dropOldPartitions(database.pool, today, { keepDays: 100, keepRows: 25 })).toEqual(made.slice(2, 4).map((name) => name.slice(8)));
  expect(await dropOldPartitions(database.pool, today, { keepDays: 100, keepRows: 0 })).toEqual([made[4]!.slice(8)]);
  expect(await partitions()).toEqual([made[5], 'request_default']);
});
