import { connectSocket } from '@switchyard/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { KEY, openTestGateway } from './open-test-gateway.ts';
import type { TestGateway } from './open-test-gateway.ts';

let gateway: TestGateway;
beforeEach(async () => {
  gateway = await openTestGateway(2);
});
afterEach(() => gateway[Symbol.asyncDispose]());

/** Adds an account as another process would, whose notice is never heard. */
async function addUnheard(name: string, model: string): Promise<void> {
  await gateway.pool.query(
    `insert into gateway.account (id, name, kind, source, base_url, models, models_from, websocket)
     values ($1, $2, 'openai-compatible', 'api', $3, array[$4], 'given', true)`,
    [`acct_${name}`, name, `${gateway.upstreams[1]!.url}/v1`, model],
  );
  await gateway.pool.query('update gateway.generation set n = n + 1');
}

async function asked(model: string): Promise<{ readonly status: number; readonly account: string | null; readonly code: string | undefined }> {
  const response = await gateway.ask('/v1/responses', { model, input: 'hello' });
  const body = (await response.json()) as { error?: { code?: string } | null };
  return { status: response.status, account: response.headers.get('x-switchyard-account'), code: body.error?.code };
}

test('before a model is refused, accounts that others have added unheard are read', async () => {
  expect(await asked('late')).toMatchObject({ status: 404, code: 'model_not_found' });
  gateway.skip(1_000);
  await addUnheard('late', 'late');
  expect(await asked('late')).toMatchObject({ status: 200, account: 'late' });
});

test('before a request is refused for want of quota, accounts that others have added unheard are asked', async () => {
  for (const upstream of gateway.upstreams)
    upstream.script({ rules: [{ answer: { status: 429, body: { error: { type: 'usage_limit_reached', message: 'limit', resets_in_seconds: 600 } } } }] });
  expect(await asked('m')).toMatchObject({ status: 429 });
  expect(await asked('m')).toMatchObject({ status: 429, code: 'quota_exhausted' });
  gateway.skip(1_000);
  await addUnheard('late', 'm');
  expect(await asked('m')).toMatchObject({ status: 200, account: 'late' });
});

test('a turn on a socket looks, too, and is served as any other', async () => {
  await using client = await connectSocket(gateway.url, { authorization: `Bearer ${KEY}` });
  client.create({ model: 'late', input: 'hello' });
  expect(await client.next('error')).toMatchObject({ error: { code: 'model_not_found' } });
  gateway.skip(1_000);
  await addUnheard('late', 'late');
  client.create({ model: 'late', input: 'hello' });
  await client.next('response.completed');
  expect(await gateway.metric('switchyard_requests_in_flight')).toBe(0);
});
