import { expect, test } from 'vitest';
import { makeSnapshot } from '../choice/account.ts';
import type { Account } from '../choice/account.ts';
import { account, figuresAt } from '../choice/fixtures/accounts.ts';
import { LANE_AT } from '../choice/lanes.ts';
import { readinessOf } from './readiness.ts';
import type { ReadinessFacts } from './readiness.ts';

const READY = { responses: 'ready', compact: 'ready', standard: 'ready' };

function open(...changes: Partial<Account>[]) {
  const { live, pass } = figuresAt();
  const accounts = changes.map((changed, i) => account(live, 'abc'[i]!, changed));
  const snapshot = makeSnapshot(1, accounts);
  live.adopt(snapshot);
  const read = (facts: Partial<ReadinessFacts> = {}) =>
    readinessOf({ snapshot, live, isStopping: false, isSocketOn: true, hasDatabase: true, isBehind: false, ...facts });
  return { live, pass, slots: accounts.map(({ slot }) => slot) as [number, number], read };
}

test('with an account that can take work every lane is ready; WebSocket is one of them where it is spoken and switched on', () => {
  expect(open({}).read()).toEqual({ status: 'ready', lanes: READY, degraded: [], next_actions: {} });
  const speaking = open({ speaksWebSocket: true });
  expect(speaking.read().lanes).toEqual({ ...READY, websocket: 'ready' });
  expect(speaking.read({ isSocketOn: false }).lanes).toEqual(READY);
});

test('a lane whose only account is left alone is not ready, until it is back; the other lanes are', () => {
  const { live, pass, slots, read } = open({});
  live.failed(slots[0], LANE_AT.compact, 'transport', 'server_error', 20_000);
  expect(read()).toMatchObject({ status: 'not_ready', lanes: { ...READY, compact: 'not_ready' }, degraded: [] });
  pass(20_001);
  expect(read().status).toBe('ready');
});

test('another account that can take work makes up for it, the sandbox does not', () => {
  const { live, slots, read } = open({}, {});
  live.block(slots[0], 600_000, false);
  expect(read().status).toBe('ready');
  const sandboxed = open({}, { kind: 'sandbox' });
  sandboxed.live.block(sandboxed.slots[0], 600_000, false);
  expect(sandboxed.read().status).toBe('not_ready');
  expect(open({ kind: 'sandbox' }).read().status).toBe('ready');
});

test('a ChatGPT login stands for Responses only', () => {
  expect(open({ kind: 'chatgpt' }).read()).toMatchObject({ status: 'ready', lanes: { responses: 'ready', compact: 'ready' } });
  expect(open({ kind: 'chatgpt' }).read().lanes).not.toHaveProperty('standard');
  const { live, slots, read } = open({ kind: 'chatgpt' }, {});
  live.failed(slots[1], LANE_AT.standard, 'transport', 'server_error', 20_000);
  expect(read().lanes).toMatchObject({ responses: 'ready', standard: 'not_ready' });
});

test('an account that is full is ready: it has work, not trouble', () => {
  const { live, slots, read } = open({ maxInFlight: 1 });
  live.begin(slots[0], LANE_AT.responses);
  expect(read().status).toBe('ready');
});

test('who stops is draining, who serves nothing has no accounts, and what is away is named', () => {
  expect(open({}).read({ isStopping: true }).status).toBe('draining');
  expect(open().read().status).toBe('no_accounts');
  expect(open({}).read({ hasDatabase: false })).toMatchObject({ status: 'ready', degraded: ['database', 'bindings'] });
  expect(open({}).read({ isBehind: true })).toMatchObject({ status: 'ready', degraded: ['bindings'] });
});

test('each reason that is named says what to do next', () => {
  const asked = (facts: Partial<ReadinessFacts>, ...changes: Partial<Account>[]) => Object.entries(open(...changes).read(facts).next_actions);
  expect(asked({ isStopping: true }, {})).toEqual([['draining', expect.stringContaining('start it again')]]);
  expect(asked({ hasDatabase: false })).toEqual([
    ['no_accounts', expect.stringContaining('switchyard accounts add')],
    ['database', expect.stringContaining('DATABASE_URL')],
    ['bindings', expect.stringContaining('switchyard doctor')],
  ]);
  const { live, slots, read } = open({});
  live.block(slots[0], 600_000, false);
  expect(read().next_actions).toEqual({ not_ready: expect.stringContaining('switchyard quota') as string });
});
