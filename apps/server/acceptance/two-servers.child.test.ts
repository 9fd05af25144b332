import { join } from 'node:path';
import { preparedHome } from '@switchyard/testkit/prepared-home';
import { temporaryHome } from '@switchyard/testkit/temporary-home';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { addAccount, startServer, startUpstream, until } from './harness.ts';
import type { Server, Upstream } from './harness.ts';

// Two servers on one database, and conversations that go to and fro between them; then one of them is killed. Each upstream refuses what the
// other one made, so that a request at the wrong account shows.

const PATIENCE_MS = 120_000;
const ENCRYPTION = { ENCRYPTION_KEY: 'test-encryption-key-not-a-secret-0123456789' };

const opened = new AsyncDisposableStack();
let upstreams: [Upstream, Upstream];
let homes: [string, string];
let database: string;
let here: Server;
let there: Server;
let otherKey: string;

const start = (home: string): Promise<Server> => startServer(home, { ...ENCRYPTION, DATABASE_URL: database });

beforeAll(async () => {
  // A third one brings the database, so that those two can be killed.
  const host = opened.use(await preparedHome()).path;
  upstreams = [opened.use(await startUpstream()), opened.use(await startUpstream())];
  const keeper = opened.use(await startServer(host, ENCRYPTION));
  database = `postgresql:///switchyard?host=${join(host, 'socket')}&user=switchyard`;
  for (const [i, upstream] of upstreams.entries()) await addAccount(keeper, upstream, `a${i + 1}`, ['m']);
  const created = await keeper.admin('/api/keys', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"name":"other"}' });
  otherKey = ((await created.json()) as { key: string }).key;
  homes = [opened.use(await temporaryHome()).path, opened.use(await temporaryHome()).path];
  opened.defer(async () => void (await here?.end()));
  here = await start(homes[0]);
  there = opened.use(await start(homes[1]));
}, PATIENCE_MS);
afterAll(() => opened.disposeAsync(), PATIENCE_MS);

interface Turn {
  readonly status: number;
  readonly account: string | null;
  readonly id: string;
  readonly output: readonly Readonly<Record<string, unknown>>[];
}

async function turn(server: Server, body: object, headers: Readonly<Record<string, string>> = {}): Promise<Turn> {
  const response = await server.ask('/v1/responses', { model: 'm', input: 'hello', ...body }, { headers });
  const text = await response.text();
  const whole = JSON.parse(/event: response\.completed\ndata: (.+)/.exec(text)?.[1] ?? text) as { response?: Turn } & Turn;
  const { id, output } = whole.response ?? whole;
  return { status: response.status, account: response.headers.get('x-switchyard-account'), id, output: output ?? [] };
}

/** Everything that a client can come back with: an id, a turn state, the output of a call, a sealed item, a thread. */
async function begin(
  server: Server,
  n: number,
): Promise<{ readonly account: string; readonly ways: readonly (readonly [body: object, headers: Record<string, string>])[] }> {
  const name = `conversation-${n}`;
  for (const upstream of upstreams) {
    await (await fetch(`${upstream.url}/_control/script`, { method: 'DELETE' })).text();
    await upstream.script({
      rules: [{ answer: { headers: { 'x-codex-turn-state': `turn-${n}` }, say: { reasoning: `thinking${'.'.repeat(n)}`, calls: [{ name: 'shell' }] } } }],
    });
  }
  const tools = [{ type: 'function', name: 'shell', parameters: { type: 'object', properties: {} } }];
  const first = await turn(
    server,
    { tools, include: ['reasoning.encrypted_content'], stream: n % 2 === 0, client_metadata: { thread_id: name } },
    { 'x-session-id': name },
  );
  expect(first.status).toBe(200);
  const [reasoning, call] = first.output;
  expect([reasoning?.['type'], call?.['type']]).toEqual(['reasoning', 'function_call']);
  return {
    account: first.account!,
    ways: [
      [{ previous_response_id: first.id, input: 'more' }, {}],
      [{ store: false }, { 'x-codex-turn-state': `turn-${n}` }],
      [{ store: false, tools, input: [call, { type: 'function_call_output', call_id: call!['call_id'], output: 'done' }] }, { 'x-session-id': name }],
      [{ store: false, input: [reasoning, { type: 'message', role: 'user', content: 'more' }] }, {}],
    ],
  };
}

test(
  'a conversation goes on at once at the other server, whatever it is recognised by',
  async () => {
    for (let n = 0; n < 10; n++) {
      const [first, second] = n % 2 === 0 ? [here, there] : [there, here];
      const { account, ways } = await begin(first, n);
      for (const [body, headers] of ways) expect(await turn(second, body, headers)).toMatchObject({ status: 200, account });
    }
  },
  PATIENCE_MS,
);

test(
  'a hundred times in a row, each continuing what the other server has just answered',
  async () => {
    let last = await turn(here, {});
    const { account } = last;
    for (let i = 0; i < 100; i++) {
      last = await turn(i % 2 === 0 ? there : here, { previous_response_id: last.id, stream: i % 3 === 0 });
      expect(last).toMatchObject({ status: 200, account });
    }
  },
  PATIENCE_MS,
);

test('another key finds nothing at either server, and no account is asked', async () => {
  const made = await turn(here, {});
  const received = async (): Promise<number> => (await upstreams[0].counters()).received + (await upstreams[1].counters()).received;
  const before = await received();
  for (const server of [here, there]) {
    const headers = { authorization: `Bearer ${otherKey}` };
    expect((await turn(server, { previous_response_id: made.id }, headers)).status).toBe(404);
    expect((await server.ask(`/v1/responses/${made.id}`, undefined, { headers })).status).toBe(404);
  }
  expect(await received()).toBe(before);
});

test(
  'what clients of a server had seen whole when it was killed goes on at the other one, and there again after a new start',
  async () => {
    const begun: Awaited<ReturnType<typeof begin>>[] = [];
    for (let n = 20; n < 26; n++) begun.push(await begin(here, n));
    // Killed while it is at work.
    const working = Promise.allSettled(Array.from({ length: 20 }, () => turn(here, {})));
    await until(
      () => here.metric('switchyard_bindings{kind="response"}'),
      (count) => count > 0,
    );
    await here.end('SIGKILL');
    const whole = (await working).flatMap((each) => (each.status === 'fulfilled' && each.value.status === 200 ? [each.value] : []));
    const expectAll = async (server: Server): Promise<void> => {
      for (const { account, ways } of begun)
        for (const [body, headers] of ways) expect(await turn(server, body, headers)).toMatchObject({ status: 200, account });
      for (const { id, account } of whole) expect(await turn(server, { previous_response_id: id })).toMatchObject({ status: 200, account });
    };
    await expectAll(there);
    here = await start(homes[0]);
    await expectAll(here);
  },
  PATIENCE_MS,
);
