import { createHash } from 'node:crypto';
import { Agent, createServer, request as httpRequest } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { UpstreamFailure } from '@switchyard/contracts';
import type { BodySink, UpstreamBody } from '@switchyard/contracts';
import { testExchange } from '../../test/test-exchange.ts';
import { Bindings } from '../bindings/bindings.ts';
import { digestOf } from '../bindings/digest.ts';
import { kindLimits } from '../bindings/kinds.ts';
import { TurnStates } from '../bindings/turn-states.ts';
import type { Account } from '../choice/account.ts';
import type { Exchange } from '../exchange.ts';
import { relayAnswer } from './relay-answer.ts';

/** How often the property is tried; `npm run prove` sets a hundred thousand. */
const RUNS = Number(process.env['SWITCHYARD_TEST_CHUNKINGS'] ?? 2_000);

/** A body that delivers given chunks, pausing when it is told to, some of them in a turn of their own. */
class ScriptedBody implements UpstreamBody {
  readonly #chunks: Buffer[];
  readonly #ending: 'end' | 'fail';
  readonly #turnEach: boolean;
  #sink: BodySink | null = null;
  #paused = false;
  #over = false;

  constructor(chunks: readonly Buffer[], ending: 'end' | 'fail', turnEach: boolean) {
    this.#chunks = [...chunks];
    this.#ending = ending;
    this.#turnEach = turnEach;
  }

  start(sink: BodySink): void {
    this.#sink = sink;
    this.#flow();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    setImmediate(() => this.#flow());
  }

  #flow(): void {
    while (!this.#paused && !this.#over) {
      const chunk = this.#chunks.shift();
      if (chunk === undefined) {
        this.#over = true;
        if (this.#ending === 'end') this.#sink!.end();
        else this.#sink!.fail(new UpstreamFailure('reset'));
        return;
      }
      this.#sink!.data(chunk);
      if (this.#turnEach) {
        setImmediate(() => this.#flow());
        return;
      }
    }
  }
}

interface Plan {
  readonly surface: 'responses.create' | 'codex.responses' | 'chat.completions';
  readonly headers: Readonly<Record<string, string>>;
  readonly body: UpstreamBody;
}

const account = { id: 'acct_test', name: 'test' } as Account;
const bound: string[] = [];
const bindings = new Bindings({
  store: {
    isAvailable: true,
    write: (row) => void bound.push(row.digest),
    read: async () => [],
    committed: () => new Promise((resolve) => setImmediate(resolve)),
  },
  limits: kindLimits({}),
  nowS: () => 1_000,
  agedS: () => 1_000,
  maxWaitMs: 50,
});
const digestInBase64 = (id: string): string => digestOf('response', '', null, id).toString('base64');
let server: Server;
let agent: Agent;
let plan: Plan;
let last: Exchange;

beforeAll(async () => {
  agent = new Agent({ keepAlive: true, maxSockets: 1 });
  server = createServer((request, response) => {
    last = testExchange(plan.surface, request, response);
    last.openAt = 0;
    relayAnswer(
      last,
      { account, answer: { status: 200, headers: plan.headers, body: plan.body }, collected: null },
      {
        bindings,
        turnStates: new TurnStates(),
        mayLeave: () => false,
        nowMs: () => 0,
        showAccount: true,
        onBound: () => {},
        onBroken: () => {},
        onQuota: () => {},
      },
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

afterAll(async () => {
  agent.destroy();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

/** Asks the relay; tells what arrived and whether the answer had an end. */
function ask(next: Plan): Promise<{ body: Buffer; ended: boolean }> {
  plan = next;
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: '127.0.0.1', port: (server.address() as AddressInfo).port, agent, path: '/' }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', () => {});
      response.on('close', () => resolve({ body: Buffer.concat(chunks), ended: response.complete }));
    });
    request.on('error', reject);
    request.end();
  });
}

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

function cutAt(text: Buffer, cuts: readonly number[]): Buffer[] {
  const edges = [...new Set([0, ...cuts, text.length])].sort((a, b) => a - b);
  return edges.slice(1).map((end, i) => text.subarray(edges[i], end));
}

// Pieces in which every kind of split hurts somebody: UTF-8 of two to four bytes, all line ends, field names, terminal events.
const piece = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc.constantFrom(
    'é',
    '€',
    '😀',
    '\r\n',
    '\n',
    '\r',
    '\n\n',
    '\r\n\r\n',
    ': ping\n\n',
    'data: ',
    'data:{}\n\n',
    'event: x\n',
    '\0',
    '\ufeff',
    'data: [DONE]\n\n',
  ),
  fc
    .constantFrom('completed', 'failed', 'incomplete')
    .map((end) => `event: response.${end}\ndata: {"type":"response.${end}","response":{"id":"resp_1","usage":{"total_tokens":1}}}\n\n`),
  fc.constant('event: response.created\ndata: {"type":"response.created","response":{"id":"resp_1"}}\n\n'),
);
const stream = fc
  .tuple(
    fc.array(piece, { maxLength: 10 }).map((pieces) => Buffer.from(pieces.join(''))),
    fc.uint8Array({ maxLength: 6 }),
  )
  .map(([text, junk]) => Buffer.concat([text, junk]));
const chunked = stream.chain((text) =>
  fc.tuple(fc.constant(text), fc.oneof(fc.array(fc.nat(text.length), { maxLength: 10 }), fc.constant(Array.from(text.keys())))),
);

test('every byte of a stream arrives as it was sent, in any chunking, and the end only if there was one', async () => {
  await fc.assert(
    fc.asyncProperty(
      chunked,
      fc.constantFrom<Plan['surface']>('responses.create', 'chat.completions'),
      fc.constantFrom<'end' | 'fail'>('end', 'end', 'end', 'fail'),
      fc.boolean(),
      fc.constantFrom('text/event-stream', 'text/event-stream; charset=utf-8', 'application/json'),
      async ([text, cuts], surface, ending, turnEach, contentType) => {
        const { body, ended } = await ask({ surface, headers: { 'content-type': contentType }, body: new ScriptedBody(cutAt(text, cuts), ending, turnEach) });
        expect(sha256(body)).toBe(sha256(text));
        expect(ended).toBe(ending === 'end');
        expect(last.outcome).toBe(ending === 'end' ? 'completed' : 'upstream_cut');
      },
    ),
    { numRuns: RUNS },
  );
}, 3_600_000);

test.each(['responses.create', 'codex.responses'] as const)(
  'an answer of known length to %s arrives whole in one piece, also when its last part waits for its binding',
  async (surface) => {
    const text = Buffer.from('{"id":"resp_whole","object":"response","usage":{"input_tokens":1,"output_tokens":2}}');
    for (const cuts of [[], [1], [10, 20, text.length - 1]]) {
      bound.length = 0;
      const { body, ended } = await ask({
        surface,
        headers: { 'content-type': 'application/json', 'content-length': String(text.length) },
        body: new ScriptedBody(cutAt(text, cuts), 'end', true),
      });
      expect(body.equals(text)).toBe(true);
      expect(ended).toBe(true);
      expect(bound).toEqual([digestInBase64('resp_whole')]);
      bindings.forgetAccount('acct_test');
      expect(last.usage).toEqual({ inputTokens: 1, outputTokens: 2, cachedTokens: null, reasoningTokens: null });
    }
  },
);

test('a stream that breaks off before its terminal event binds nothing', async () => {
  bound.length = 0;
  const begun = Buffer.from('event: response.created\ndata: {"type":"response.created","response":{"id":"resp_cut"}}\n\n');
  const { body, ended } = await ask({
    surface: 'responses.create',
    headers: { 'content-type': 'text/event-stream' },
    body: new ScriptedBody([begun], 'fail', false),
  });
  expect(body.equals(begun)).toBe(true);
  expect(ended).toBe(false);
  expect(bound).toEqual([]);
});
