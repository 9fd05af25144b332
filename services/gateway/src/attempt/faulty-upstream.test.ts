import { FaultBudget, UpstreamFailure } from '@switchyard/contracts';
import type { BodySink, Upstream } from '@switchyard/contracts';
import { expect, test } from 'vitest';
import { ScriptedBody } from '../../test/scripted-accounts.ts';
import { faultyUpstream } from './faulty-upstream.ts';

const NONE = { upstream_connect: 0, upstream_read: 0, state_save: 0, migration: 0, refresh: 0 };
const request = { method: 'POST', path: '/', headers: [], body: null, headTimeoutMs: 1, idleTimeoutMs: 1 };

function upstreamOf(...chunks: string[]): Upstream {
  return {
    dispatch() {
      const body = new ScriptedBody(chunks);
      return { answer: Promise.resolve({ status: 200, headers: {}, body }), abort: () => body.abort() };
    },
    close: async () => {},
  };
}

/** Everything that a sink is told. */
function recordingSink(): BodySink & { readonly told: string[] } {
  const told: string[] = [];
  return { told, data: (chunk) => told.push(chunk.toString()), end: () => told.push('end'), fail: ({ reason }) => told.push(reason) };
}

test('as many connections fail as the budget says, and the upstream is not asked for them', async () => {
  const upstream = faultyUpstream(upstreamOf('a'), new FaultBudget({ ...NONE, upstream_connect: 1 }));
  await expect(upstream.dispatch(request).answer).rejects.toThrow(UpstreamFailure);
  expect((await upstream.dispatch(request).answer).status).toBe(200);
});

test('a body breaks off behind its first chunk, once, and says so to every sink', async () => {
  const upstream = faultyUpstream(upstreamOf('a', 'b'), new FaultBudget({ ...NONE, upstream_read: 1 }));
  const { body } = await upstream.dispatch(request).answer;
  const [first, second, whole] = [recordingSink(), recordingSink(), recordingSink()];
  body.start(first);
  body.start(second);
  (await upstream.dispatch(request).answer).body.start(whole);
  expect([first.told, second.told, whole.told]).toEqual([['a', 'reset'], ['reset'], ['a', 'b', 'end']]);
});
