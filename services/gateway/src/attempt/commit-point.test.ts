import { Agent, createServer, request as httpRequest } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fakeClock } from '@switchyard/testkit';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Bindings } from '../bindings/bindings.ts';
import { kindLimits } from '../bindings/kinds.ts';
import { TurnStates } from '../bindings/turn-states.ts';
import { scriptedWorld } from '../../test/scripted-accounts.ts';
import type { Scripted, ScriptedAccount, ScriptedWorld } from '../../test/scripted-accounts.ts';
import { relayAnswer } from '../relay/relay-answer.ts';
import type { RelayParts } from '../relay/relay-answer.ts';
import { runAttempts } from './run-attempts.ts';

// The promise of the commit point, with the real relay and a real client: until it, another account may answer and nothing of the first is
// seen; after it, nothing but the first is.

/** How many cases of the property are tried; `npm run prove` sets a hundred thousand. */
const RUNS = Number(process.env['SWITCHYARD_TEST_CHUNKINGS'] ?? 2_000);

const SSE = { 'content-type': 'text/event-stream' };
const event = (type: string, n: number): Buffer => Buffer.from(`event: ${type}\ndata: {"type":"${type}","n":${n},"text":"größe"}\n\n`);
const OPENING = ['response.created', 'response.in_progress', 'codex.rate_limits', 'response.output_item.added', 'response.content_part.added'];
const SPOKEN = ['response.output_text.delta', 'response.output_text.delta', 'response.output_item.done', 'response.completed'];
const SECOND = Buffer.concat([...OPENING, ...SPOKEN].map((type, n) => event(type, 1_000 + n)));
const FAILURES = {
  reset: null,
  end: null,
  failed: '{"type":"response.failed","response":{"error":{"code":"server_is_overloaded","message":"x"}}}',
  error: '{"type":"error","error":{"type":"usage_limit_reached","resets_in_seconds":60}}',
  server_error: '{"type":"response.failed","response":{"error":{"code":"server_error"}}}',
  theirs: '{"type":"response.failed","response":{"error":{"code":"context_length_exceeded"}}}',
} as const;
type FailureKind = keyof typeof FAILURES;

let server: Server;
let agent: Agent;
let world: ScriptedWorld;
let accounts: readonly ScriptedAccount[];
const bindings = new Bindings({
  store: { isAvailable: true, write: () => {}, read: async () => [], committed: () => Promise.resolve() },
  limits: kindLimits({}),
  nowS: () => 1_000,
  agedS: () => 1_000,
  maxWaitMs: 50,
});

const RELAY: RelayParts = {
  bindings,
  turnStates: new TurnStates(),
  mayLeave: () => false,
  nowMs: () => 0,
  showAccount: true,
  onBound: () => {},
  onBroken: () => {},
  onQuota: () => {},
};

beforeAll(async () => {
  agent = new Agent({ keepAlive: true, maxSockets: 1 });
  server = createServer((request, response) => {
    const exchange = world.exchange(request.url === '/chat' ? 'chat.completions' : 'responses.create', { request, response });
    void runAttempts(exchange, world.pool(...accounts), null, world.parts).then((committed) => {
      relayAnswer(exchange, committed!, RELAY);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  agent.destroy();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

function ask(path: string): Promise<{ body: Buffer; isWhole: boolean }> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: '127.0.0.1', port: (server.address() as AddressInfo).port, agent, path }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', () => {});
      response.on('close', () => resolve({ body: Buffer.concat(chunks), isWhole: response.complete }));
    });
    request.on('error', reject);
    request.end();
  });
}

function cutAt(text: Buffer, cuts: readonly number[]): Buffer[] {
  const edges = [...new Set([0, ...cuts.map((cut) => cut % (text.length + 1)), text.length])].sort((a, b) => a - b);
  return edges.slice(1).map((end, i) => text.subarray(edges[i], end));
}

/** Lets a first account say this much and then fail, with a second that is well; tells what the client saw. */
async function fail(first: Buffer, kind: FailureKind, cuts: readonly number[], turnEach: boolean) {
  const said = FAILURES[kind] === null ? first : Buffer.concat([first, Buffer.from(`data: ${FAILURES[kind]}\n\n`)]);
  const script: Scripted = { status: 200, headers: SSE, chunks: cutAt(said, cuts), ending: kind === 'reset' ? 'reset' : 'end', turnEach };
  world = scriptedWorld(fakeClock());
  const [one, two] = [world.account('one', [script], 1), world.account('two', [{ status: 200, headers: SSE, chunks: [SECOND] }], 2)];
  accounts = [one, two];
  const { body, isWhole } = await ask('/responses');
  expect(world.parts.holds.size).toBe(0);
  expect(one.asked()).toBe(1);
  return { said, body, isWhole, others: two.asked() };
}

async function expectPromise(events: number, kind: FailureKind, cuts: readonly number[], turnEach: boolean): Promise<void> {
  const all = [...OPENING, ...SPOKEN];
  const { said, body, isWhole, others } = await fail(Buffer.concat(all.slice(0, events).map(event)), kind, cuts, turnEach);
  if (events <= OPENING.length && kind !== 'theirs') {
    expect(body.equals(SECOND)).toBe(true);
    expect([isWhole, others]).toEqual([true, 1]);
  } else {
    expect(body.equals(said)).toBe(true);
    expect([isWhole, others]).toEqual([kind !== 'reset', 0]);
  }
}

test('a stream that fails at any event, in any way, is another account’s before the commit and nobody else’s after it', async () => {
  for (let events = 0; events <= OPENING.length + SPOKEN.length; events++)
    for (const kind of Object.keys(FAILURES) as FailureKind[]) for (const turnEach of [true, false]) await expectPromise(events, kind, [], turnEach);
});

test('the same in any chunking', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat(OPENING.length + SPOKEN.length),
      fc.constantFrom(...(Object.keys(FAILURES) as FailureKind[])),
      fc.array(fc.nat(4_000), { maxLength: 10 }),
      fc.boolean(),
      expectPromise,
    ),
    { numRuns: RUNS },
  );
}, 3_600_000);

test('a stream that breaks off at any byte of its first three events has said nothing', async () => {
  const opening = Buffer.concat(OPENING.slice(0, 3).map(event));
  for (let bytes = 0; bytes <= opening.length; bytes++) {
    for (const kind of ['reset', 'end'] as const) {
      const { body, others } = await fail(opening.subarray(0, bytes), kind, [bytes >> 1], bytes % 2 === 0);
      expect([bytes, kind, body.equals(SECOND), others]).toEqual([bytes, kind, true, 1]);
    }
  }
}, 60_000);

test('when no account gets further, the client sees what the last one said, with the end that it had', async () => {
  for (const ending of ['reset', 'end'] as const) {
    world = scriptedWorld(fakeClock());
    const said = OPENING.slice(0, 2).map(event);
    accounts = ['one', 'two'].map((name) => world.account(name, [{ status: 200, headers: SSE, chunks: [...said, Buffer.from(`: ${name}\n\n`)], ending }]));
    const { body, isWhole } = await ask('/responses');
    expect(body.toString()).toBe(`${Buffer.concat(said).toString()}: two\n\n`);
    expect(isWhole).toBe(ending === 'end');
    expect(accounts.map(({ asked }) => asked())).toEqual([1, 1]);
  }
});

test('in a stream of chat the first line that is no error commits', async () => {
  const chunk = (n: number): string => `data: {"id":"chatcmpl-1","choices":[{"delta":{"content":"${n}"}}]}\n\n`;
  const error = 'data: {"error":{"message":"x","type":"server_error","code":"server_is_overloaded"}}\n\n';
  const second = `${chunk(7)}data: [DONE]\n\n`;
  for (const [said, seen, others] of [
    [error, second, 1],
    [`: ping\n\n${error}`, second, 1],
    [chunk(1) + error, chunk(1) + error, 0],
    ['data: {"error":{"message":"x","code":"invalid_prompt"}}\n\n', 'data: {"error":{"message":"x","code":"invalid_prompt"}}\n\n', 0],
  ] as const) {
    world = scriptedWorld(fakeClock());
    const two = world.account('two', [{ status: 200, headers: SSE, chunks: [second] }], 2);
    accounts = [world.account('one', [{ status: 200, headers: SSE, chunks: [said] }], 1), two];
    expect((await ask('/chat')).body.toString()).toBe(seen);
    expect(two.asked()).toBe(others);
  }
});

test('what was held goes out before what follows, also when there is much of it and the client is slow', async () => {
  const held = Buffer.concat(OPENING.map(event));
  const rest = Array.from({ length: 200 }, (_, n) => Buffer.concat([event('response.output_text.delta', n), Buffer.alloc(20_000, 0x20), Buffer.from('\n\n')]));
  world = scriptedWorld(fakeClock());
  accounts = [world.account('one', [{ status: 200, headers: SSE, chunks: [held, ...rest], turnEach: true }])];
  const { body, isWhole } = await ask('/responses');
  expect(isWhole).toBe(true);
  expect(body.equals(Buffer.concat([held, ...rest]))).toBe(true);
});
