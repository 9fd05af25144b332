import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Simulator } from './open-simulator.ts';
import { openSimulator } from './open-simulator.ts';

let simulator: Simulator;
beforeEach(async () => {
  simulator = await openSimulator({ mode: 'scriptable' });
});
afterEach(() => simulator[Symbol.asyncDispose]());

const control = async (method: string, path: string, body?: unknown): Promise<{ status: number; json: unknown }> => {
  const answer = await fetch(`${simulator.url}/_control/${path}`, {
    method,
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  return { status: answer.status, json: await answer.json() };
};
const chat = async (): Promise<number> => {
  const answer = await fetch(`${simulator.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: 'Bearer sk-test-control-not-a-secret' },
    body: JSON.stringify({ model: 'm', messages: [] }),
  });
  await answer.arrayBuffer();
  return answer.status;
};

test('a script posted over HTTP decides answers until it is deleted', async () => {
  expect(await control('POST', 'script', { rules: [{ times: 'always', answer: { preset: '503' } }] })).toMatchObject({ status: 200 });
  expect(await chat()).toBe(503);
  await control('DELETE', 'script');
  expect(await chat()).toBe(200);
});

test('a script that is refused changes nothing and names the place', async () => {
  const refused = await control('POST', 'script', { models: ['a'], rules: [{ answer: { status: 'x' } }] });
  expect(refused).toMatchObject({ status: 400, json: { error: { code: 'invalid_value', param: 'rules[0].answer.status' } } });
  expect(await chat()).toBe(200);
  expect(await control('POST', 'script', '{"rules":')).toMatchObject({ status: 400, json: { error: { code: 'invalid_json' } } });
});

test('received requests hide credentials unless the full record is asked for', async () => {
  await chat();
  const { json } = await control('GET', 'received');
  expect(json).toMatchObject({ data: [{ path: '/v1/chat/completions', body: { model: 'm' }, outcome: 'completed' }] });
  expect(JSON.stringify(json)).not.toContain('not-a-secret');
  expect(JSON.stringify((await control('GET', 'received?full=1')).json)).toContain('Bearer sk-test-control-not-a-secret');
});

test('counters leave control requests out, and reset brings them to nothing', async () => {
  await chat();
  expect(await control('GET', 'counters')).toMatchObject({ json: { received: 1, open: 0, completed: 1, aborted: 0, cut: 0 } });
  await control('POST', 'reset');
  expect((await control('GET', 'counters')).json).toEqual({
    received: 0,
    open: 0,
    completed: 0,
    aborted: 0,
    cut: 0,
    byPath: {},
    sockets: { opened: 0, open: 0 },
  });
  expect((await control('GET', 'received')).json).toEqual({ data: [] });
});

test('a request that was open at a reset is not counted when it ends', async () => {
  simulator.script({ rules: [{ answer: { hold: { at: 'before_head', gate: 'g' } } }] });
  const held = chat();
  await simulator.until(({ open }) => open === 1);
  await control('POST', 'reset');
  await control('POST', 'release', { gate: 'g' });
  expect(await held).toBe(200);
  expect(simulator.counters()).toMatchObject({ received: 0, open: 0, completed: 0 });
});

test('an unknown control path says which there are', async () => {
  expect(await control('GET', 'nothing')).toMatchObject({ status: 404, json: { error: { message: expect.stringContaining('POST /_control/script') } } });
  expect(await control('POST', 'release', {})).toMatchObject({ status: 400, json: { error: { param: 'gate' } } });
});
