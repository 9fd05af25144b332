import { once } from 'node:events';
import { connectSocket } from '@switchyard/testkit';
import type { SocketClient } from '@switchyard/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Simulator } from '../open-simulator.ts';
import { openSimulator } from '../open-simulator.ts';

type Frame = SocketClient['frames'][number];

let simulator: Simulator;
const clients: SocketClient[] = [];

beforeEach(async () => {
  simulator = await openSimulator({ mode: 'scriptable' });
});
afterEach(async () => {
  for (const client of clients.splice(0)) await client[Symbol.asyncDispose]();
  await simulator[Symbol.asyncDispose]();
});

async function connect(headers: Readonly<Record<string, string>> = {}): Promise<SocketClient> {
  const client = await connectSocket(simulator.url, headers);
  clients.push(client);
  return client;
}

const idOf = (frame: Frame): string => (frame['response'] as { id: string }).id;

describe('turns on a socket (codex-protocol 3)', () => {
  test('a warm-up completes with an id and says nothing; the turn behind it has the whole conversation', async () => {
    const client = await connect();
    client.create({ generate: false, input: 'the word is heron' });
    const warm = await client.next('response.completed');
    expect(warm).toMatchObject({ response: { output: [], store: false } });
    client.create({ previous_response_id: idOf(warm), input: 'what was it' });
    const done = await client.next('response.completed');
    expect(done).toMatchObject({ response: { previous_response_id: idOf(warm), output: [{ content: [{ text: 'You said: what was it' }] }] } });
    expect(client.frames.map(({ type }) => type)).toContain('response.output_text.delta');
    expect(simulator.received().map(({ socket, method, status }) => [socket, method, status])).toEqual([
      [1, 'POST', 200],
      [1, 'POST', 200],
    ]);
  });

  test('what was not stored is known on its own socket and on no other', async () => {
    const [first, second] = [await connect(), await connect()];
    first.create({ input: 'a' });
    const id = idOf(await first.next('response.completed'));
    second.create({ previous_response_id: id, input: 'b' });
    expect(await second.next('error')).toMatchObject({ status: 400, error: { code: 'previous_response_not_found' } });
    first.create({ previous_response_id: id, input: 'b' });
    await first.next('response.completed');
    first.create({ store: true, input: 'a' });
    second.create({ previous_response_id: idOf(await first.next('response.completed')), input: 'b' });
    await second.next('response.completed');
  });

  test('turns are answered one after the other, in order', async () => {
    simulator.script({ rules: [{ answer: { hold: { at: 1, gate: 'go' } } }] });
    const client = await connect();
    client.create({ input: 'one' });
    client.create({ input: 'two' });
    await client.next('response.created');
    simulator.release('go');
    expect(await client.next('response.completed')).toMatchObject({ response: { output: [{ content: [{ text: 'You said: one' }] }] } });
    expect(await client.next('response.completed')).toMatchObject({ response: { output: [{ content: [{ text: 'You said: two' }] }] } });
  });

  test('a refusal is a frame with its status and headers, and the socket goes on', async () => {
    simulator.script({ rules: [{ match: { transport: 'socket' }, answer: { preset: 'usage_limit_reached' } }] });
    const client = await connect();
    client.create({ input: 'a' });
    expect(await client.next('error')).toMatchObject({ status: 429, error: { type: 'usage_limit_reached' } });
    client.create({ input: 'b' });
    await client.next('response.completed');
  });

  test('a turn state comes as a frame of its own', async () => {
    simulator.script({ rules: [{ answer: { headers: { 'x-codex-turn-state': 'one' } } }] });
    const client = await connect();
    client.create({ input: 'a' });
    expect(await client.next('response.metadata')).toEqual({ type: 'response.metadata', headers: { 'x-codex-turn-state': 'one' } });
  });

  test.each([
    [{ close: { code: 1012 } }, 1012, 'response.completed', 'completed'],
    [{ close: { code: 1011, at: 2 } }, 1011, 'response.in_progress', 'completed'],
    [{ cut: { at: { units: 2 } } }, 1006, 'response.in_progress', 'cut'],
    [{ cut: { at: { units: 2 }, how: 'reset' } }, 1006, undefined, 'cut'],
    [{ end: 'none' }, 1000, 'response.output_item.done', 'completed'],
  ] as const)('%j closes the socket with %i', async (answer, code, last, outcome) => {
    simulator.script({ rules: [{ answer }] });
    const client = await connect();
    client.create({ input: 'a' });
    expect(await client.closed).toBe(code);
    // A reset may take along what was still on its way.
    if (last !== undefined) expect(client.frames.at(-1)?.['type']).toBe(last);
    await simulator.until(({ open }) => open === 0);
    expect(simulator.received()[0]?.outcome).toBe(outcome);
  });

  test('a client that leaves in the middle is one abort', async () => {
    simulator.script({ rules: [{ answer: { hold: { at: 1 } } }] });
    const client = await connect();
    client.create({ input: 'a' });
    await client.next('response.created');
    client.ws.terminate();
    await simulator.until(({ aborted, sockets }) => aborted === 1 && sockets.open === 0);
    expect(simulator.received()[0]?.outcome).toBe('aborted_by_client');
  });

  test('pings are answered unless a script says no', async () => {
    const client = await connect();
    client.ws.ping('a');
    expect(String((await once(client.ws, 'pong'))[0])).toBe('a');
    simulator.script({ pongs: false });
    client.ws.ping('b');
    // What comes behind the ping has been answered, and the ping has not.
    let answered = false;
    client.ws.once('pong', () => (answered = true));
    client.create({ input: 'a' });
    await client.next('response.completed');
    expect(answered).toBe(false);
  });

  test('frames that ask for nothing are recorded', async () => {
    const client = await connect();
    client.ws.send('{"type":"response.interrupt"}');
    await simulator.until(({ completed }) => completed === 1);
    expect(simulator.received()).toMatchObject([{ method: 'FRAME', socket: 1, body: { type: 'response.interrupt' } }]);
  });
});

describe('the upgrade', () => {
  test('asks rules for GET, and only them', async () => {
    simulator.script({ rules: [{ match: { method: 'GET' }, answer: { preset: '503' } }, { answer: { say: { text: 'mine' } } }] });
    await expect(connect()).rejects.toThrow('503');
    const client = await connect();
    client.create({ input: 'a' });
    expect(await client.next('response.output_text.done')).toMatchObject({ text: 'mine' });
  });

  test('wants a key that is accepted', async () => {
    simulator.script({ keys: { main: 'sk-test-main-not-a-secret' } });
    await expect(connect()).rejects.toThrow('401');
    const client = await connect({ authorization: 'Bearer sk-test-main-not-a-secret' });
    client.create({ input: 'a' });
    await client.next('response.completed');
    expect(simulator.received().at(-1)).toMatchObject({ key: 'main' });
  });
});
