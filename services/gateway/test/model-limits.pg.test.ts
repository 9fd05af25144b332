import { afterEach, beforeEach, expect, test } from 'vitest';
import { KEY, openTestGateway } from './open-test-gateway.ts';
import type { OtherGateway, TestGateway } from './open-test-gateway.ts';

let first: TestGateway;
let gateway: OtherGateway;
let opened: AsyncDisposableStack;
beforeEach(async () => {
  opened = new AsyncDisposableStack();
  first = opened.use(await openTestGateway(2));
  await first.pool.query(`update gateway.account set models = '{m,spark}'`);
  gateway = opened.use(await first.reopen());
});
afterEach(() => opened.disposeAsync());

const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' };

async function ask(model: string) {
  const response = await fetch(`${gateway.url}/v1/responses`, { method: 'POST', headers, body: JSON.stringify({ model, input: 'hello' }) });
  const { error } = (await response.json()) as { error?: { code?: string | null; message?: string } | null };
  return { status: response.status, account: response.headers.get('x-switchyard-account'), retryAfter: response.headers.get('retry-after'), error };
}

/** Makes an upstream refuse the next request for this limit, with most of the account's own quota left. */
function refuses(which: number, limit: string): void {
  first.upstreams[which]!.script({
    rules: [
      {
        answer: {
          status: 429,
          headers: { 'x-codex-active-limit': limit, 'x-codex-primary-used-percent': '30', 'x-codex-primary-reset-at': '1' },
          body: { error: { type: 'usage_limit_reached', message: 'limit', resets_in_seconds: 600 } },
        },
      },
    ],
  });
}

async function limited(): Promise<Record<string, string[]>> {
  const { data } = (await (await gateway.gateway.adminApi.request('/api/quota')).json()) as {
    data: { account: string; blocked_until: string | null; limited_models: { model: string }[] }[];
  };
  return Object.fromEntries(
    data.map((each) => [each.account, [...each.limited_models.map(({ model }) => model), ...(each.blocked_until === null ? [] : ['*'])]]),
  );
}

test('an account that refuses one model for a limit of that model serves its others, and is asked for that one again when the time is up', async () => {
  refuses(0, 'codex_spark');
  expect(await ask('spark')).toMatchObject({ status: 200, account: 'b' });
  await expect.poll(limited).toEqual({ a: ['spark'], b: [] });
  const asked = first.upstreams[0]!.counters().received;
  for (let i = 0; i < 3; i++) expect(await ask('spark')).toMatchObject({ status: 200, account: 'b' });
  expect(first.upstreams[0]!.counters().received).toBe(asked);
  expect((await ask('m')).account).toBe('a');

  // With nobody left for it the refusal says when there is, the model is listed all the same, and the others are served.
  refuses(1, 'codex_spark');
  expect(await ask('spark')).toMatchObject({ status: 429, account: 'b', error: { message: 'limit' } });
  await expect.poll(limited).toEqual({ a: ['spark'], b: ['spark'] });
  const refused = await ask('spark');
  expect(refused).toMatchObject({ status: 429, error: { code: 'quota_exhausted' } });
  expect(Number(refused.retryAfter)).toBeGreaterThan(590);
  const models = (await (await fetch(`${gateway.url}/v1/models`, { headers })).json()) as { data: { id: string }[] };
  expect(models.data.map(({ id }) => id)).toEqual(['m', 'spark']);
  expect((await ask('m')).status).toBe(200);

  first.skip(601_000);
  await expect.poll(limited).toEqual({ a: [], b: [] });
  expect((await ask('spark')).status).toBe(200);
});

test('a refusal for the limit of the account itself is of all its models', async () => {
  refuses(0, 'codex');
  expect(await ask('spark')).toMatchObject({ status: 200, account: 'b' });
  expect(await limited()).toEqual({ a: ['*'], b: [] });
  expect((await ask('m')).account).toBe('b');
});
