import { preparedHome } from '@switchyard/testkit/prepared-home';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { addAccount, startServer, startUpstream } from './harness.ts';
import type { Server, Upstream } from './harness.ts';

// A server is killed again and again while it serves, each time at another moment, and each time what its clients had seen whole goes on at
// the account that said it. Each upstream refuses what another one made.

/** `npm run prove` kills two hundred times. */
const KILLS = Number(process.env['SWITCHYARD_TEST_KILLS'] ?? 2);
const CLIENTS = 20;
/** Longest that the traffic runs before a kill; the first answers come after some milliseconds. */
const MOST_MS = 600;
const CHECKED_AT_ONCE = 8;
const PATIENCE_MS = 60_000 + KILLS * 30_000;
const TOOLS = [{ type: 'function', name: 'shell', parameters: { type: 'object', properties: {} } }];

const opened = new AsyncDisposableStack();
let home: string;
let server: Server;
let upstreams: Upstream[];

beforeAll(async () => {
  home = opened.use(await preparedHome()).path;
  upstreams = [opened.use(await startUpstream()), opened.use(await startUpstream()), opened.use(await startUpstream())];
  opened.defer(async () => void (await server?.end()));
  server = await startServer(home);
  for (const [i, upstream] of upstreams.entries()) await addAccount(server, upstream, `a${i + 1}`, ['m']);
}, 120_000);
afterAll(() => opened.disposeAsync(), 120_000);

/** An answer that a client has seen whole. */
interface Whole {
  readonly status: number;
  readonly account: string;
  readonly id: string;
  readonly calls: readonly Readonly<Record<string, unknown>>[];
}

/** One turn; rejects when it breaks off. */
async function turn(body: object): Promise<Whole> {
  const response = await server.ask('/v1/responses', { model: 'm', tools: TOOLS, ...body });
  const text = await response.text();
  const streamed = response.headers.get('content-type')?.startsWith('text/event-stream') === true;
  const json = streamed ? /event: response\.completed\ndata: (.+)/.exec(text)?.[1] : text;
  if (json === undefined) throw new Error('the stream ended without its last event');
  const told = JSON.parse(json) as { response?: Told } & Told;
  const { id, output = [] } = told.response ?? told;
  const calls = output.filter(({ type }) => type === 'function_call');
  return { status: response.status, account: response.headers.get('x-switchyard-account') ?? '', id, calls };
}

interface Told {
  readonly id: string;
  readonly output?: readonly Readonly<Record<string, unknown>>[];
}

const user = (content: string): object => ({ type: 'message', role: 'user', content });

/** A client that begins and goes on with conversations until its server is gone. */
async function client(n: number, seen: Whole[]): Promise<void> {
  let last: Whole | null = null;
  for (let i = 0; ; i++) {
    const stream = (n + i) % 2 === 0;
    const body: object =
      last === null || i % 3 === 0 ? { input: [user('call shell')], stream } : { input: [user('call shell')], previous_response_id: last.id, stream };
    const whole: Whole = await turn(body);
    seen.push(whole);
    last = whole;
  }
}

/** That an answer can be gone on with, by its id and by the calls that it made, and goes to the account that gave it. */
async function expectGoesOn({ account, id, calls }: Whole): Promise<void> {
  expect(await turn({ input: 'more', previous_response_id: id, store: false })).toMatchObject({ status: 200, account });
  const outputs = calls.map(({ call_id: call }) => ({ type: 'function_call_output', call_id: call, output: 'done' }));
  expect(calls.length).toBeGreaterThan(0);
  expect(await turn({ input: [user('call shell'), ...calls, ...outputs], store: false })).toMatchObject({ status: 200, account });
}

test('nothing that a client has seen whole is lost, whenever the server is killed', { timeout: PATIENCE_MS }, async () => {
  let all = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    const seen: Whole[] = [];
    const clients = Promise.allSettled(Array.from({ length: CLIENTS }, (_, n) => client(n, seen)));
    // The moment of the kill is what is tried here, so it is one of time.
    await new Promise((resolve) => setTimeout(resolve, (MOST_MS * (kill + 1)) / KILLS));
    await server.end('SIGKILL');
    await clients;
    expect(new Set(seen.map(({ status }) => status))).toEqual(seen.length > 0 ? new Set([200]) : new Set());
    server = await startServer(home);
    const left = [...seen];
    await Promise.all(
      Array.from({ length: CHECKED_AT_ONCE }, async () => {
        for (let next = left.pop(); next !== undefined; next = left.pop()) await expectGoesOn(next);
      }),
    );
    all += seen.length;
    if ((kill + 1) % 20 === 0) process.stdout.write(`${kill + 1} of ${KILLS} kills: ${all} answers seen whole, none lost\n`);
  }
  expect(all).toBeGreaterThan(0);
});
