import { expect, test } from 'vitest';
import type { AttemptTrace, Expected, History, RequestTrace } from '../history.ts';
import { budget } from './budget.ts';
import { bytes } from './bytes.ts';
import { commit } from './commit.ts';
import { durable } from './durable.ts';
import { judge } from './judge.ts';
import { leases } from './leases.ts';
import { oneRow } from './one-row.ts';
import { owner } from './owner.ts';
import { progress } from './progress.ts';
import { refusals } from './refusals.ts';
import { riding } from './riding.ts';

// A good history, and for each oracle what it must not let pass.

const FREE: Expected = { owner: null, first: null, isForeign: false, isOwn: true, mayBeUnavailable: false };

function request(over: Partial<RequestTrace> = {}): RequestTrace {
  return {
    no: 1,
    life: 1,
    keyId: 'key_1',
    asked: 'responses',
    isStream: true,
    claims: { turnState: null, previousResponse: null, session: null, calls: [], encrypted: null, isFollowUp: false },
    expected: FREE,
    sentAt: 1,
    status: 200,
    account: 'a1',
    isOurs: false,
    code: null,
    received: [Buffer.from('one'), Buffer.from('two')],
    receivedBytes: 6,
    firstByteAt: 5,
    end: 'whole',
    endAt: 9,
    isPaused: false,
    wasShut: false,
    mayBeUnlogged: false,
    mayBeUnbound: false,
    mayBeShed: false,
    mayBeExhausted: false,
    mayFindNobody: false,
    mayBeRevoked: false,
    mayBeStalled: false,
    mayBeStale: false,
    mayBeTorn: false,
    ...over,
  };
}

function attempt(over: Partial<AttemptTrace> = {}): AttemptTrace {
  return {
    no: 1,
    account: 0,
    accountName: 'a1',
    arrivedAt: 2,
    arrivedMs: 2,
    status: 200,
    sent: [Buffer.from('one'), Buffer.from('two')],
    sentBytes: 6,
    committedAt: 3,
    isWhole: true,
    end: 'whole',
    endAt: 8,
    isWaiting: false,
    issued: { responseId: null, turnState: null, calls: [], encrypted: null },
    ...over,
  };
}

function history(over: Partial<History> = {}): History {
  return {
    requests: [request()],
    attempts: [attempt()],
    rows: [{ no: 1, outcome: 'completed', isEnded: true, attempts: [{ account: 'a1', isReached: true }] }],
    gauges: { upstream_in_flight: 0 },
    bound: [{ id: 'resp_1', issuer: 'acct_1', found: 'acct_1' }],
    retrying: [{ active: 10, retries: 3 }],
    stuck: [],
    ...over,
  };
}

const refused: Partial<RequestTrace> = { account: null, isOurs: true, status: 503, received: [], receivedBytes: 0, firstByteAt: null };

test('a history in which all is well has no violations', () => {
  expect(judge(history())).toEqual([]);
});

test('a second account after the first byte, or after an answer had begun, is found', () => {
  expect(commit(history({ attempts: [attempt({ committedAt: null }), attempt({ arrivedAt: 6, accountName: 'b1', account: 1 })] }))).toHaveLength(1);
  const after = [attempt({ end: 'cut' }), attempt({ arrivedAt: 4, accountName: 'b1', account: 1 })];
  expect(commit(history({ requests: [request({ firstByteAt: 7 })], attempts: after }))).toHaveLength(1);
  expect(commit(history({ requests: [request({ firstByteAt: 7 })], attempts: [attempt({ end: 'reset' }), after[1]!] }))).toEqual([]);
});

test('a request at another account than its owner, or at another before the one it prefers, is found', () => {
  expect(owner(history({ requests: [request({ expected: { ...FREE, owner: 1 } })] }))).toHaveLength(1);
  expect(owner(history({ requests: [request({ expected: { ...FREE, first: 1 } })] }))).toHaveLength(1);
  expect(owner(history({ requests: [request({ expected: { ...FREE, owner: 0, first: null } })] }))).toEqual([]);
});

test('an account that is asked for what is another key’s is found, and so is any answer but 404', () => {
  const foreign = request({ expected: { ...FREE, isForeign: true } });
  expect(riding(history({ requests: [foreign] }))).toHaveLength(1);
  expect(riding(history({ requests: [{ ...foreign, ...refused }], attempts: [] }))).toHaveLength(1);
  expect(riding(history({ requests: [{ ...foreign, ...refused, status: 404 }], attempts: [] }))).toEqual([]);
});

test('bytes that are missing, added, out of order, or of another attempt are found, and so are made up endings', () => {
  const given = (...received: string[]): RequestTrace => request({ received: received.map((each) => Buffer.from(each)) });
  for (const wrong of [given('two', 'one'), given('one'), given('one', 'two', 'three'), request({ account: 'b1' })])
    expect(bytes(history({ requests: [wrong] }))).toHaveLength(1);
  expect(bytes(history({ attempts: [attempt({ isWhole: false, end: 'cut' })] }))).toHaveLength(1);
  expect(bytes(history({ requests: [request({ end: 'cut' })] }))).toHaveLength(1);
  expect(bytes(history({ requests: [{ ...given('one'), end: 'left' }] }))).toEqual([]);
});

test('the frames of a turn, whose account nobody names, are those of one attempt, one by one', () => {
  const turn = request({ asked: 'turn', account: null });
  const other = attempt({ accountName: 'b1', account: 1, sent: [Buffer.from('six')], end: 'cut', isWhole: false });
  expect(bytes(history({ requests: [turn], attempts: [other, attempt()] }))).toEqual([]);
  expect(bytes(history({ requests: [turn], attempts: [other] }))).toHaveLength(1);
  expect(bytes(history({ requests: [{ ...turn, received: [Buffer.from('onetwo')] }] }))).toHaveLength(1);
  expect(bytes(history({ requests: [{ ...turn, status: 503 }] }))).toHaveLength(1);
});

test('a client that did not read while time went by may be broken off, and no other', () => {
  expect(bytes(history({ requests: [request({ end: 'cut', mayBeStalled: true })] }))).toEqual([]);
});

test('whatever is held where nothing runs is found, also when it was given back twice', () => {
  expect(leases(history({ gauges: { upstream_in_flight: 1 } }))).toHaveLength(1);
  expect(leases(history({ gauges: { upstream_in_flight: -1 } }))).toHaveLength(1);
});

test('an id that was seen whole and is bound to nobody, or to another, is found', () => {
  expect(durable(history({ bound: [{ id: 'resp_1', issuer: 'acct_1', found: null }] }))).toHaveLength(1);
  expect(durable(history({ bound: [{ id: 'resp_1', issuer: 'acct_1', found: 'acct_2' }] }))).toHaveLength(1);
});

test('a request without a row, with two, or with one that tells of other attempts than there were is found', () => {
  const [row] = history().rows ?? [];
  const other = { ...row!, no: 2 };
  expect(oneRow(history({ rows: [] }))).toHaveLength(1);
  expect(oneRow(history({ rows: [row!, row!] }))).toHaveLength(1);
  expect(oneRow(history({ rows: [{ ...row!, isEnded: false }] }))).toHaveLength(1);
  expect(oneRow(history({ rows: [{ ...row!, attempts: [] }] }))).toHaveLength(1);
  expect(oneRow(history({ attempts: [] }))).toHaveLength(1);
  expect(oneRow(history({ requests: [request({ mayBeUnlogged: true })], rows: [other] }))).toEqual([]);
  expect(oneRow(history({ rows: null }))).toEqual([]);
  expect(oneRow(history({ attempts: [attempt({ accountName: 'a2' })] }))).toHaveLength(2);
  expect(oneRow(history({ requests: [request({ wasShut: true })], attempts: [attempt({ accountName: 'a2' })] }))).toEqual([]);
});

test('more attempts of a request, or more retries of all, than there may be are found', () => {
  expect(budget(history({ attempts: Array.from({ length: 13 }, () => attempt()) }))).toHaveLength(1);
  expect(budget(history({ retrying: [{ active: 10, retries: 4 }] }))).toHaveLength(1);
  expect(budget(history({ retrying: [{ active: 30, retries: 6 }] }))).toEqual([]);
});

test('a refusal that nothing that happened explains is found', () => {
  const refusal = (code: string | null, over: Partial<RequestTrace> = {}): History =>
    history({ requests: [request({ ...refused, code, ...over })], attempts: [] });
  for (const code of ['not_found', 'owner_unavailable', 'invalid_api_key', 'internal_error', 'server_is_overloaded', 'no_such_code', null])
    expect(refusals(refusal(code))).toHaveLength(1);
  expect(refusals(refusal('not_found', { expected: { ...FREE, isForeign: true } }))).toEqual([]);
  expect(refusals(refusal('owner_unavailable', { mayBeExhausted: true }))).toEqual([]);
  expect(refusals(refusal('upstream_unreachable'))).toEqual([]);
  expect(refusals(history({ requests: [request({ ...refused, code: 'upstream_unreachable' })] }))).toHaveLength(1);
  const stale = request({ ...refused, asked: 'turn', code: 'stale_continuation' });
  expect(refusals(history({ requests: [stale], attempts: [] }))).toHaveLength(1);
  expect(refusals(history({ requests: [{ ...stale, mayBeTorn: true }], attempts: [] }))).toEqual([]);
  expect(refusals(history({ requests: [{ ...stale, mayBeTorn: true }] }))).toHaveLength(1);
  expect(refusals(history({ requests: [{ ...stale, mayBeStale: true }], attempts: [attempt({ committedAt: null, isWhole: false, end: 'aborted' })] }))).toEqual(
    [],
  );
});

test('a 401 that went out though another account had refused otherwise is found', () => {
  const told = request({ status: 401 });
  const attempts = [attempt({ status: 500, committedAt: null }), attempt({ status: 401, committedAt: null })];
  expect(refusals(history({ requests: [told], attempts }))).toHaveLength(1);
  expect(refusals(history({ requests: [told], attempts: attempts.slice(1) }))).toEqual([]);
});

test('what does not go on is found', () => {
  expect(progress(history({ stuck: ['rest: request 1'] }))).toHaveLength(1);
});
