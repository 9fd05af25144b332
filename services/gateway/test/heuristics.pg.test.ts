import { afterEach, beforeEach, expect, test } from 'vitest';
import { KEY, openTestGateway, untilRows } from './open-test-gateway.ts';
import type { OtherGateway, TestGateway } from './open-test-gateway.ts';

let first: TestGateway;
let opened: AsyncDisposableStack;
beforeEach(async () => {
  opened = new AsyncDisposableStack();
  first = opened.use(await openTestGateway(2));
});
afterEach(() => opened.disposeAsync());

interface Asked {
  readonly id: string;
  readonly account: string | null;
}

/** Asks a gateway, and waits until the log has it. */
async function ask({ url }: Pick<OtherGateway, 'url'>, headers: Readonly<Record<string, string>> = {}): Promise<Asked> {
  const response = await fetch(`${url}/v1/responses`, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ model: 'm', input: 'hello' }),
  });
  await response.text();
  const id = response.headers.get('x-switchyard-request-id')!;
  await untilRows(first.pool, `select 1 from gateway.request where id = '${id}' and ended_at is not null`, (rows) => rows.length === 1);
  return { id, account: response.headers.get('x-switchyard-account') };
}

async function api({ gateway }: Pick<OtherGateway, 'gateway'>, path: string, body?: object): Promise<unknown> {
  const init = body === undefined ? {} : { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  return (await gateway.adminApi.request(path, init)).json();
}

const decided = async (gateway: OtherGateway, { id }: Asked): Promise<unknown> =>
  ((await api(gateway, `/api/decisions/${id}`)) as { decision: unknown }).decision;

/** Makes an upstream tell its quota with every answer. */
function tells(which: number, usedPercent: number, resetInS: number): void {
  const resetAt = Math.ceil(Date.now() / 1_000) + resetInS;
  const quota = { primary: { usedPercent, windowMinutes: 300, resetAt }, secondary: { usedPercent: 0, windowMinutes: 10_080, resetAt } };
  first.upstreams[which]!.script({ rules: [{ times: 'always', answer: { quota } }] });
}

test('a heuristic that is switched off chooses nobody, and each decision, its replay and an explanation tell what it would have earned', async () => {
  // `a` is critical but soon full again, and `b` has quota that must last for hours: only the band speaks for `b`.
  tells(0, 96, 60);
  tells(1, 10, 36_000);
  expect([(await ask(first)).account, (await ask(first)).account]).toEqual(['a', 'b']);
  const on = await ask(first);
  expect(on.account).toBe('b');
  expect(await decided(first, on)).toMatchObject({ switched_off: [], attempts: [{ decided_by: [{ heuristic: 'quota_band', otherwise: 'a' }] }] });
  expect(await api(first, `/api/decisions/${on.id}/replay`, { heuristics: { quota_band: false } })).toMatchObject({
    data: [{ recorded_winner: 'b', winner: 'a', candidates: [{ account: 'a', band: 'critical' }, { account: 'b' }] }],
  });
  const replayed = (await api(first, `/api/decisions/${on.id}/replay`, {})) as { data: { winner: string; heuristics: { otherwise: string }[] }[] };
  expect(replayed.data[0]!.winner).toBe('b');
  expect(replayed.data[0]!.heuristics.filter(({ otherwise }) => otherwise !== 'b')).toEqual([{ heuristic: 'quota_band', on: true, otherwise: 'a' }]);

  const sums = (await api(first, '/api/decisions/replay', {})) as { requests: number; heuristics: { heuristic: string }[] };
  expect(sums).toMatchObject({ requests: 3, choices: 3, changed: 0 });
  expect(sums.heuristics).toContainEqual({ heuristic: 'quota_band', counted: 3, decided: 1 });
  expect(sums.heuristics).toContainEqual({ heuristic: 'latency', counted: 3, decided: 0 });
  expect(await api(first, '/api/decisions/replay', { limit: 1, heuristics: { quota_band: false } })).toMatchObject({ requests: 1, choices: 1, changed: 1 });

  await untilRows(first.pool, 'select 1 from gateway.quota where reading is not null', (rows) => rows.length === 2);
  const without = opened.use(await first.reopen('[choice]\nquota_band = false\n'));
  expect(await api(without, '/api/explain', { model: 'm' })).toMatchObject({
    winner: 'a',
    heuristics: expect.arrayContaining([{ heuristic: 'quota_band', on: false, otherwise: 'b' }]) as unknown,
  });
  const off = await ask(without);
  expect(off.account).toBe('a');
  expect(await decided(without, off)).toMatchObject({ switched_off: ['quota_band'] });
  // Worked out again it is the same, wherever; and it tells what the switch would do.
  for (const edits of [{}, { heuristics: {} }]) {
    expect(await api(first, `/api/decisions/${off.id}/replay`, edits)).toMatchObject({
      data: [{ winner: 'a', heuristics: expect.arrayContaining([{ heuristic: 'quota_band', on: false, otherwise: 'b' }]) as unknown }],
    });
  }
  expect(await api(first, `/api/decisions/${off.id}/replay`, { heuristics: { quota_band: true } })).toMatchObject({ data: [{ winner: 'b' }] });
});

test('a conversation that stayed tells who would have had it, and does not stay where that is switched off', async () => {
  const session = { 'session-id': 'session-1' };
  expect([(await ask(first, session)).account, (await ask(first)).account, (await ask(first)).account]).toEqual(['a', 'b', 'a']);
  const kept = await ask(first, session);
  expect(kept.account).toBe('a');
  expect(await decided(first, kept)).toMatchObject({ attempts: [{ chosen_by: 'kept', decided_by: [{ heuristic: 'warm_conversation', otherwise: 'b' }] }] });
  const replayed = (edits: object): Promise<unknown> => api(first, `/api/decisions/${kept.id}/replay`, edits);
  expect(await replayed({})).toMatchObject({ data: [{ winner: 'a', heuristics: [{ heuristic: 'warm_conversation', on: true, otherwise: 'b' }] }] });
  expect(await replayed({ heuristics: { warm_conversation: false } })).toMatchObject({ data: [{ winner: 'b' }] });
  expect(await replayed({ without: ['a'] })).toMatchObject({ data: [{ winner: 'b' }] });

  const without = opened.use(await first.reopen('[choice]\nwarm_conversation = false\n'));
  expect([(await ask(without)).account, (await ask(without, session)).account]).toEqual(['a', 'b']);
});
