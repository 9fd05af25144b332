import { GATEWAY_API } from '@switchyard/contracts/api';
import type { GatewayOperation } from '@switchyard/contracts/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { OUTCOMES } from '../src/settle/outcome.ts';
import { openTestGateway, untilRows } from './open-test-gateway.ts';
import type { TestGateway } from './open-test-gateway.ts';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await openTestGateway(2);
});
afterAll(() => gateway[Symbol.asyncDispose]());

/** Calls an operation of our own API, and holds its answer against what its route declares: every field, and none besides. */
async function expectDeclared(
  operation: GatewayOperation,
  { id = '', body, query = '' }: { readonly id?: string; readonly body?: unknown; readonly query?: string } = {},
): Promise<Record<string, unknown>> {
  const { method, path, responses } = GATEWAY_API[operation];
  const response = await gateway.gateway.adminApi.request(path.replace('{id}', id) + query, {
    method: method.toUpperCase(),
    ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
  const { schema } = ('201' in responses ? responses[201] : responses[200]).content['application/json'];
  const answer = (await response.json()) as Record<string, unknown>;
  // A schema leaves out what it does not know, so what it hands back tells fields that it lacks.
  expect(schema.parse(answer)).toEqual(answer);
  return answer;
}

test('every answer of our own API has the shape that its route declares, and nothing besides', async () => {
  const made = await expectDeclared('createKey', { body: { name: 'other', models: ['m'] } });
  await expectDeclared('listKeys');
  await expectDeclared('revokeKey', { id: made['id'] as string });
  const base_url = `${gateway.upstreams[0]!.url}/v1`;
  await expectDeclared('addAccount', { body: { name: 'own', kind: 'openai-compatible', base_url, models: ['x'], headers: { 'x-team': 'blue' } } });
  await expectDeclared('testAccount', { id: 'own' });
  gateway.upstreams[0]!.script({
    rules: [{ answer: { quota: { primary: { usedPercent: 12.5, windowMinutes: 300 }, secondary: { usedPercent: 3 } } } }],
  });
  await (await gateway.ask('/v1/responses', { model: 'm', input: 'tells its quota' })).text();
  await expectDeclared('listAccounts');
  await expectDeclared('listQuota');
  await expectDeclared('liftQuota', { id: 'own' });
  await expectDeclared('removeAccount', { id: 'own' });
});

test('and so has the request log, of whole requests, of retried and refused ones, and of those that run', async () => {
  gateway.upstreams[0]!.script({ rules: [{ answer: { preset: '500' } }] });
  gateway.upstreams[1]!.script({ rules: [{ answer: { preset: '500' } }] });
  await (await gateway.ask('/v1/responses', { model: 'm', input: 'both fail' })).text();
  await (await gateway.ask('/v1/responses', { model: 'm', input: 'whole' })).text();
  await (await gateway.ask('/v1/responses', { model: 'nobody has this', input: 'refused' })).text();
  for (const upstream of gateway.upstreams) upstream.script({ rules: [{ times: 'always', answer: { hold: { at: 1, gate: 'on' } } }] });
  const running = await gateway.ask('/v1/responses', { model: 'm', input: 'running', stream: true });
  const rows = await untilRows<{ id: string; outcome: string }>(gateway.pool, 'select id, outcome from gateway.request', (all) => all.length === 5);
  expect(rows.map(({ outcome }) => outcome).sort()).toEqual(['completed', 'completed', 'open', 'refused', 'upstream_error']);
  await expectDeclared('listRequests');
  const decisions = async (query: string): Promise<readonly { readonly id: string; readonly outcome: string }[]> =>
    (await expectDeclared('listDecisions', { query }))['data'] as { id: string; outcome: string }[];
  const newest = rows
    .map(({ id }) => id)
    .toSorted()
    .toReversed();
  expect((await decisions('')).map(({ id }) => id)).toEqual(newest);
  const [first, ...rest] = await decisions('?limit=3');
  expect([first!.id, ...(await decisions(`?after=${rest.at(-1)!.id}`)).map(({ id }) => id)]).toEqual([newest[0], ...newest.slice(3)]);
  expect((await decisions('?outcome=refused')).map(({ outcome }) => outcome)).toEqual(['refused']);
  for (const outcome of OUTCOMES) await decisions(`?outcome=${outcome}`);
  const asked = async (account: string): Promise<number> => (await decisions(`?account=${account}`)).length;
  expect([await asked('a'), await asked('b'), await asked('nobody')]).toEqual([expect.any(Number), expect.any(Number), 0]);
  // One was asked at both, one at nobody.
  expect((await asked('a')) + (await asked('b'))).toBe(rows.length);
  const attempts: unknown[] = [];
  for (const { id } of rows) attempts.push((await expectDeclared('getDecision', { id }))['attempts']);
  const retried = rows.find(({ outcome }) => outcome === 'upstream_error')!;
  const { data } = await expectDeclared('replayDecision', { id: retried.id, body: {} });
  expect(data).toMatchObject([
    { attempt: 1, complete: true },
    { attempt: 2, complete: true },
  ]);
  await expectDeclared('explainChoice', { body: { model: 'm' } });
  await expectDeclared('explainChoice', { body: {} });
  expect(new Set(attempts)).toEqual(new Set([0, 1, 2]));
  for (const upstream of gateway.upstreams) upstream.release('on');
  await running.text();
});

test('and so have the bindings, and the record of a request that continues something', async () => {
  for (const upstream of gateway.upstreams) upstream.clearScript();
  const turn = (): Promise<Response> => gateway.ask('/v1/responses', { model: 'm', input: 'x' }, { headers: { 'thread-id': 'thread-1' } });
  await (await turn()).text();
  const again = await turn();
  await again.text();
  const id = again.headers.get('x-switchyard-request-id')!;
  await untilRows(gateway.pool, `select 1 from gateway.request where id = '${id}' and ended_at is not null`, (all) => all.length === 1);
  expect((await expectDeclared('getDecision', { id }))['decision']).toMatchObject({ affinity: { kind: 'session', strength: 'soft' } });
  expect(await expectDeclared('listSessionBindings', { query: '?id=thread-1' })).toMatchObject({ found: [{ kind: 'session' }] });
  await expectDeclared('forgetSessionBindings', { query: '?id=thread-1' });
});
