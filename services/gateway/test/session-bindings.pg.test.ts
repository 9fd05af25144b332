import { afterEach, beforeEach, expect, test } from 'vitest';
import { createKey } from '../src/index.ts';
import { openTestGateway } from './open-test-gateway.ts';
import type { TestGateway } from './open-test-gateway.ts';

let gateway: TestGateway;
beforeEach(async () => {
  gateway = await openTestGateway(2);
});
afterEach(() => gateway[Symbol.asyncDispose]());

interface Shown {
  readonly kinds: readonly Readonly<Record<string, unknown>>[];
  readonly conflicts: readonly Readonly<Record<string, unknown>>[];
  readonly found: readonly Readonly<Record<string, unknown>>[] | null;
}

async function sessions(
  method: 'GET' | 'DELETE',
  query: Readonly<Record<string, string>> = {},
): Promise<{ status: number; body: Shown & { error?: { code: string } } }> {
  const response = await gateway.gateway.adminApi.request(`/api/proxy/session-bindings?${new URLSearchParams(query).toString()}`, { method });
  return { status: response.status, body: (await response.json()) as never };
}

/** One turn in a session. */
async function turn(body: object = {}): Promise<{ status: number; account: string | null; id: string }> {
  const response = await gateway.ask('/v1/responses', { model: 'm', input: 'hello', ...body }, { headers: { 'thread-id': 'thread-1' } });
  const { id } = (await response.json()) as { id: string };
  return { status: response.status, account: response.headers.get('x-switchyard-account'), id };
}

/** Waits for what another process hears a moment later. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setImmediate(resolve));
}

test('bindings are counted by kind and state, and an id is looked up by its digest', async () => {
  const made = await turn();
  await turn({ previous_response_id: made.id });
  const { kinds, conflicts, found } = (await sessions('GET')).body;
  expect(kinds.find(({ kind }) => kind === 'response')).toEqual({ kind: 'response', limit: 16_384, warm: 1, verified: 1, suspect: 0, dead: 0, conflict: 0 });
  expect(kinds.find(({ kind }) => kind === 'session')).toMatchObject({ warm: 1, limit: 2_048 });
  expect([conflicts, found]).toEqual([[], null]);
  const [binding, ...more] = (await sessions('GET', { id: made.id })).body.found!;
  expect(more).toEqual([]);
  expect(binding).toMatchObject({
    kind: 'response',
    state: 'verified',
    account: made.account,
    key: 'first',
    moves: 0,
    digest: expect.stringMatching(/^[0-9a-f]{32}$/) as string,
  });
  expect(JSON.stringify(binding)).not.toContain(made.id);
  expect((await sessions('GET', { id: 'thread-1' })).body.found).toMatchObject([{ kind: 'session', account: made.account }]);
  expect((await sessions('GET', { id: String(binding!['digest']) })).body.found).toEqual([binding]);
  expect((await sessions('GET', { id: 'resp_none' })).body.found).toEqual([]);
});

test('the ids of another key’s sessions are found as its own', async () => {
  const { key, id } = await createKey(gateway.gateway.control, { name: 'other', models: null, accounts: null });
  await turn();
  await (await gateway.ask('/v1/responses', { model: 'm', input: 'x' }, { headers: { 'thread-id': 'thread-1', authorization: `Bearer ${key}` } })).text();
  expect((await sessions('GET', { id: 'thread-1' })).body.found!.map(({ key_id: keyId }) => keyId)).toContain(id);
  expect((await sessions('GET', { id: 'thread-1' })).body.found).toHaveLength(2);
});

test('what is forgotten continues nothing any more, here at once, and at another process a moment later', async () => {
  await using other = await gateway.reopen();
  const made = await turn();
  const asked = async (url: string): Promise<number> => {
    const response = await fetch(`${url}/v1/responses/${made.id}`, { headers: { authorization: 'Bearer sk-test-bootstrap-not-a-secret' } });
    await response.text();
    return response.status;
  };
  expect([await asked(gateway.url), await asked(other.url)]).toEqual([200, 200]);
  const ended = await sessions('DELETE', { id: made.id });
  expect([ended.status, ended.body]).toMatchObject([200, { data: [{ kind: 'response', account: made.account }] }]);
  // Nobody owns it, so it is asked for wherever there is room: of two tries in a row one comes to the account that does not have it.
  expect([await asked(gateway.url), await asked(gateway.url)]).toContain(404);
  await until(async () => (await asked(other.url)) === 404);
  expect((await sessions('GET', { id: made.id })).body.found).toMatchObject([{ state: 'dead' }]);
});

test('a conflict is listed and can be ended by its digest', async () => {
  const made = await turn();
  await gateway.pool.query("update gateway.binding set account_id = '' where kind = 1");
  await using other = await gateway.reopen();
  const continued = async (): Promise<number> => {
    const response = await fetch(`${other.url}/v1/responses`, {
      method: 'POST',
      headers: { authorization: 'Bearer sk-test-bootstrap-not-a-secret', 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'm', input: 'x', previous_response_id: made.id }),
    });
    await response.text();
    return response.status;
  };
  expect(await continued()).toBe(503);
  const { conflicts } = (await sessions('GET')).body;
  expect(conflicts).toMatchObject([{ kind: 'response', state: 'conflict', account_id: null }]);
  expect((await sessions('DELETE', { id: String(conflicts[0]!['digest']) })).status).toBe(200);
  await until(async () => (await continued()) !== 503);
  expect((await sessions('GET')).body.conflicts).toEqual([]);
});
