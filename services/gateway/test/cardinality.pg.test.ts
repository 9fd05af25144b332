import { afterEach, expect, test } from 'vitest';
import { openTestGateway } from './open-test-gateway.ts';
import type { TestGateway } from './open-test-gateway.ts';

let gateway: TestGateway;
afterEach(() => gateway[Symbol.asyncDispose]());

const COUNT = 1_000;
/** Series that appear where a machine has much else to do, whoever asks. */
const BY_LOAD = /result="late"|ended="time"/;
/** Requests at once: enough to be quick, and less than there are places. */
const AT_ONCE = 16;

/** Makes accounts, each with a model of its own, and keys, without a round of each through the API. */
async function addMany(): Promise<void> {
  const { pool, upstreams } = gateway;
  await pool.query(
    `insert into gateway.account (id, name, kind, source, base_url, models, models_from)
     select 'acct_' || n, 'many-' || n, 'openai-compatible', 'api', $1, array['model-' || n], 'given' from generate_series(1, ${COUNT}) n`,
    [`${upstreams[0]!.url}/v1`],
  );
  await pool.query(
    `insert into gateway.key (id, name, digest, hint)
     select 'key_' || n, 'many-' || n, sha256(convert_to('sk-test-many-' || n || '-not-a-secret', 'UTF8')), '' from generate_series(1, ${COUNT}) n`,
  );
  await pool.query(`select pg_notify('switchyard_gateway', '')`);
  const read = async (): Promise<number> => Math.min(await gateway.metric('switchyard_keys'), await gateway.metric('switchyard_accounts'));
  while ((await read()) <= COUNT) await new Promise((resolve) => setImmediate(resolve));
}

/** What clients of all kinds do, as one of them: chats, responses, a model that there is not, a wrong path. */
async function traffic(key: string, model: string, n: number): Promise<void> {
  const headers = { authorization: `Bearer ${key}`, 'session-id': `session-${n}`, 'x-client-request-id': `client-${n}` };
  const bodies: [path: string, body: object][] = [
    ['/v1/chat/completions', { model, messages: [{ role: 'user', content: 'hello' }], stream: n % 2 === 0 }],
    ['/v1/responses', { model, input: 'hello', prompt_cache_key: `cache-${n}` }],
    ['/v1/embeddings', { model: `none-${n}`, input: 'x' }],
    [`/v1/responses/resp_${n}/cancel`, {}],
  ];
  for (const [path, body] of bodies) await (await gateway.ask(path, body, { headers })).text();
}

function seriesOf(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.slice(0, line.lastIndexOf(' ')))
    .sort();
}

test('a thousand accounts, keys and models make no series that a handful of them has not made', { timeout: 120_000 }, async () => {
  gateway = await openTestGateway(1);
  await addMany();
  for (const n of [1, 2]) await traffic(`sk-test-many-${n}-not-a-secret`, `model-${n}`, n);
  const before = seriesOf(await gateway.scrape());
  expect(before.length).toBeLessThan(1_500);

  let next = 3;
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (let n = next++; n <= COUNT; n = next++) await traffic(`sk-test-many-${n}-not-a-secret`, `model-${n}`, n);
    }),
  );
  const after = await gateway.scrape();
  const known = new Set(before);
  expect(seriesOf(after).filter((series) => !known.has(series) && !BY_LOAD.test(series))).toEqual([]);
  expect(after).not.toMatch(/many-|model-\d|session-|acct_|key_\d/);
  // Counted when it is settled, a moment after its client has all of it.
  await expect.poll(() => gateway.metric('switchyard_requests_total{surface="chat.completions",outcome="completed"}')).toBe(COUNT);
});
