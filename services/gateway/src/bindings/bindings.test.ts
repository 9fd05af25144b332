import { expect, test } from 'vitest';
import { Bindings } from './bindings.ts';
import type { BindingRow, NewBinding } from './bindings.ts';
import { digestOf } from './digest.ts';
import { BINDING_KINDS, kindLimits } from './kinds.ts';
import type { BindingKind, KindLimits } from './kinds.ts';
import { LIFE } from './life.ts';
import { ENDED, NOBODY } from './merge.ts';

const START_S = 1_000_000;
const ROW = { kind: 1, owner: 'acct_a', namespace: 'key_1', epoch: 0, boundAtS: START_S, touchedAtS: START_S, state: 0, stateAtS: START_S, misses: 0 } as const;

function open(limits: Partial<KindLimits> = {}, isAvailable = true, inDatabase: (digests: readonly string[]) => BindingRow[] = () => []) {
  const written: BindingRow[] = [];
  const clock = { nowS: START_S };
  const bindings = new Bindings({
    store: { isAvailable, write: (row) => void written.push(row), read: async (digests) => inDatabase(digests), committed: async () => {} },
    limits: kindLimits(limits),
    nowS: () => clock.nowS,
    agedS: () => clock.nowS,
    maxWaitMs: 50,
  });
  return { bindings, written, clock };
}

function bound(id: string, owner: string, kind: BindingKind = 'response', namespace = 'key_1'): NewBinding {
  return { kind, digest: digestOf(kind, namespace, null, id), owner, namespace };
}

const ownerOf = (bindings: Bindings, id: string, kind: BindingKind = 'response'): string | undefined => bindings.find(kind, bound(id, '', kind).digest)?.owner;

test('an id stays with the first account that told it, in memory as in the journal, and the attempt is counted', async () => {
  const { bindings, written } = open();
  expect(await bindings.bind([bound('resp_1', 'acct_a')])).toBe('durable');
  expect(bindings.bind([bound('resp_1', 'acct_b')])).toBeNull();
  expect(ownerOf(bindings, 'resp_1')).toBe('acct_a');
  expect(written.map(({ owner }) => owner)).toEqual(['acct_a']);
  expect(bindings.disputed).toBe(1);
});

test('an id that its own account tells again is not disputed, and counts as used last', async () => {
  const { bindings } = open({ response: 2 });
  for (const id of ['resp_1', 'resp_2', 'resp_1', 'resp_3']) await bindings.bind([bound(id, 'acct_a')]);
  expect(['resp_1', 'resp_2', 'resp_3'].filter((id) => ownerOf(bindings, id) !== undefined)).toEqual(['resp_1', 'resp_3']);
  expect(bindings.disputed).toBe(0);
});

test('an id whose account was taken away can be bound anew', async () => {
  const { bindings } = open();
  await bindings.bind([bound('resp_1', 'acct_a')]);
  bindings.forgetAccount('acct_a');
  await bindings.bind([bound('resp_1', 'acct_b')]);
  expect(ownerOf(bindings, 'resp_1')).toBe('acct_b');
});

test('what is noted of a running answer is found, written only when it is bound, and forgotten when the answer comes to nothing', async () => {
  const { bindings, written } = open();
  for (const id of ['resp_whole', 'resp_cut']) bindings.note(bound(id, 'acct_a'));
  expect([ownerOf(bindings, 'resp_whole'), written.length]).toEqual(['acct_a', 0]);
  expect(await bindings.bind([bound('resp_whole', 'acct_a')])).toBe('durable');
  expect(written).toMatchObject([{ owner: 'acct_a', boundAtS: START_S }]);
  for (const id of ['resp_whole', 'resp_cut']) bindings.forget(bound(id, 'acct_a'));
  expect([ownerOf(bindings, 'resp_whole'), ownerOf(bindings, 'resp_cut')]).toEqual(['acct_a', undefined]);
});

test('a session moves, and says so by its epoch', async () => {
  const { bindings, written } = open();
  await bindings.bind([bound('thread', 'acct_a', 'session')]);
  await bindings.bind([bound('thread', 'acct_b', 'session')]);
  expect(ownerOf(bindings, 'thread', 'session')).toBe('acct_b');
  expect(written.map(({ owner, epoch }) => [owner, epoch])).toEqual([
    ['acct_a', 0],
    ['acct_b', 1],
  ]);
  expect(bindings.disputed).toBe(0);
});

test('the use of a binding is written down once a minute, and nobody waits for it', async () => {
  const { bindings, written, clock } = open();
  await bindings.bind([bound('thread', 'acct_a', 'session')]);
  for (const seconds of [1, 58, 1, 1, 59, 61]) {
    clock.nowS += seconds;
    expect(bindings.bind([bound('thread', 'acct_a', 'session')])).toBeNull();
  }
  expect(written.map(({ touchedAtS }) => touchedAtS - START_S)).toEqual([0, 60, 120, 181]);
});

test('a preference for a warm cache is never written', () => {
  const { bindings, written } = open();
  expect(bindings.bind([bound('cache', 'acct_a', 'cache')])).toBeNull();
  expect([ownerOf(bindings, 'cache', 'cache'), written]).toEqual(['acct_a', []]);
});

test('with the database away nothing waits, and the binding is queued all the same', async () => {
  const { bindings, written } = open({}, false);
  expect(await bindings.bind([bound('resp_1', 'acct_a')])).toBe('suspended');
  expect(written.length).toBe(1);
});

test('what has not been used for as long as its kind lasts is unknown, is swept, and may be bound anew', async () => {
  const { bindings, written, clock } = open();
  await bindings.bind([bound('resp_1', 'acct_a'), bound('turn', 'acct_a', 'turn_state')]);
  clock.nowS += BINDING_KINDS.turn_state.lastsS + 1;
  expect([ownerOf(bindings, 'turn', 'turn_state'), ownerOf(bindings, 'resp_1')]).toEqual([undefined, 'acct_a']);
  await bindings.bind([bound('turn', 'acct_b', 'turn_state')]);
  expect(ownerOf(bindings, 'turn', 'turn_state')).toBe('acct_b');
  expect(written.at(-1)).toMatchObject({ owner: 'acct_b', epoch: 1 });
  clock.nowS += BINDING_KINDS.response.lastsS;
  bindings.sweep(10);
  expect([bindings.count('response'), bindings.count('turn_state')]).toEqual([0, 0]);
});

test('an id that its owner has denied twice is unknown, and nothing revives it', async () => {
  const { bindings, written, clock } = open();
  const binding = bound('resp_1', 'acct_a');
  await bindings.bind([binding]);
  bindings.deny('response', binding.digest, 'acct_a', 'responses');
  expect(ownerOf(bindings, 'resp_1')).toBe('acct_a');
  clock.nowS += 5;
  bindings.deny('response', binding.digest, 'acct_a', 'responses');
  expect(ownerOf(bindings, 'resp_1')).toBeUndefined();
  bindings.take([written[0]!]);
  bindings.confirm('response', binding.digest, 'acct_a', 'responses');
  expect(ownerOf(bindings, 'resp_1')).toBeUndefined();
});

test('two accounts that two processes bound one id to are a conflict: nobody owns it, and it is never evicted', async () => {
  const { bindings, written } = open({ response: 1 });
  await bindings.bind([bound('resp_1', 'acct_a')]);
  bindings.take([{ ...written[0]!, owner: 'acct_b' }]);
  await bindings.bind([bound('resp_2', 'acct_a')]);
  await bindings.bind([bound('resp_3', 'acct_a')]);
  expect([ownerOf(bindings, 'resp_1'), bindings.conflicts, bindings.count('response')]).toEqual([NOBODY, 1, 1]);
  expect(bindings.bind([bound('resp_1', 'acct_a')])).toBeNull();
});

test('a conflict over a session ends with the next answer', async () => {
  const { bindings, written } = open();
  await bindings.bind([bound('thread', 'acct_a', 'session')]);
  bindings.take([{ ...written[0]!, owner: 'acct_b' }]);
  expect(ownerOf(bindings, 'thread', 'session')).toBe(NOBODY);
  await bindings.bind([bound('thread', 'acct_b', 'session')]);
  expect([ownerOf(bindings, 'thread', 'session'), bindings.conflicts]).toEqual(['acct_b', 0]);
});

test('a kind that a later version made is passed over', () => {
  const { bindings } = open();
  const { digest } = bound('x', 'acct_a');
  bindings.take([{ ...ROW, digest: digest.toString('base64'), kind: 99 }]);
  expect(ownerOf(bindings, 'x')).toBeUndefined();
});

test('what only the database knows is read from it, and what it does not know is not asked for again for 2 s', async () => {
  const asked: string[] = [];
  const { digest } = bound('resp_1', 'acct_a');
  const { bindings, clock } = open({}, true, (digests) => {
    asked.push(...digests);
    return asked.length < 3 ? [] : [{ ...ROW, digest: digests[0]! }];
  });
  expect(bindings.isWorthReading(digest)).toBe(true);
  await bindings.readThrough([digest]);
  expect([ownerOf(bindings, 'resp_1'), bindings.isWorthReading(digest)]).toEqual([undefined, false]);
  clock.nowS += 2;
  expect(bindings.isWorthReading(digest)).toBe(true);
  await bindings.readThrough([digest]);
  await bindings.readThrough([digest]);
  expect([ownerOf(bindings, 'resp_1'), bindings.isWorthReading(digest), asked.length]).toEqual(['acct_a', false, 3]);
});

test('in a rush nobody’s id goes unasked: what comes while the database is asked is asked together, and each id once', async () => {
  const questions: (readonly string[])[] = [];
  const { bindings } = open({}, true, (digests) => {
    questions.push(digests);
    return digests.map((digest) => ({ ...ROW, digest }));
  });
  const ids = Array.from({ length: 300 }, (_, i) => `resp_${i}`);
  const wanted = [...ids, ...ids].map((id) => bound(id, 'acct_a').digest);
  await Promise.all(
    wanted.map(async (digest) => {
      if (bindings.isWorthReading(digest)) await bindings.readThrough([digest]);
    }),
  );
  expect(ids.filter((id) => ownerOf(bindings, id) !== 'acct_a')).toEqual([]);
  expect(questions.map(({ length }) => length)).toEqual([1, 1, 1, 1, 296]);
});

test('with the database away nothing is read', () => {
  expect(open({}, false).bindings.isWorthReading(bound('resp_1', 'acct_a').digest)).toBe(false);
});

test('what another account says of an id counts for nothing', async () => {
  const { bindings, written } = open();
  const { digest } = bound('resp_1', 'acct_a');
  await bindings.bind([bound('resp_1', 'acct_a')]);
  for (let i = 0; i < 3; i++) bindings.deny('response', digest, 'acct_b', 'responses');
  expect([ownerOf(bindings, 'resp_1'), bindings.wasDenied(digest, 'acct_b', 'responses'), written.length]).toEqual(['acct_a', false, 1]);
});

test('that an owner denied an id is remembered for 180 s, for the lane on which it did, and until it takes it', async () => {
  const { bindings, clock } = open();
  const { digest } = bound('resp_1', 'acct_a');
  await bindings.bind([bound('resp_1', 'acct_a')]);
  const wasDenied = (lane: 'responses' | 'websocket'): boolean => bindings.wasDenied(digest, 'acct_a', lane);
  bindings.deny('response', digest, 'acct_a', 'responses');
  expect([wasDenied('responses'), wasDenied('websocket')]).toEqual([true, false]);
  clock.nowS += 180;
  expect(wasDenied('responses')).toBe(true);
  clock.nowS += 1;
  expect(wasDenied('responses')).toBe(false);
  bindings.confirm('response', digest, 'acct_a', 'responses');
  bindings.deny('response', digest, 'acct_a', 'responses');
  bindings.confirm('response', digest, 'acct_a', 'responses');
  expect(wasDenied('responses')).toBe(false);
});

test('a dead id is known as dead for 900 s; then an account that tells it anew may have it, in the next epoch', async () => {
  const { bindings, written, clock } = open();
  const { digest } = bound('resp_1', 'acct_a');
  await bindings.bind([bound('resp_1', 'acct_a')]);
  for (let i = 0; i < 2; i++) {
    clock.nowS += 2;
    bindings.deny('response', digest, 'acct_a', 'responses');
  }
  expect([ownerOf(bindings, 'resp_1'), bindings.isDead('response', digest)]).toEqual([undefined, true]);
  for (const owner of ['acct_a', 'acct_b']) expect(bindings.bind([bound('resp_1', owner)])).toBeNull();
  expect([ownerOf(bindings, 'resp_1'), bindings.disputed]).toEqual([undefined, 0]);
  clock.nowS += 901;
  expect(bindings.isDead('response', digest)).toBe(false);
  await bindings.bind([bound('resp_1', 'acct_b')]);
  expect([ownerOf(bindings, 'resp_1'), written.at(-1)]).toMatchObject(['acct_b', { epoch: 1, state: 0 }]);
});

test('what an operator has ended is unknown at once, and no touch of another process brings it back', async () => {
  const { bindings, written } = open();
  await bindings.bind([bound('resp_1', 'acct_a'), bound('thread', 'acct_a', 'session')]);
  const ended = written.map((row) => ({ ...row, owner: ENDED, epoch: row.epoch + 1, state: LIFE.dead, stateAtS: START_S }));
  bindings.take(ended);
  bindings.take(written.map((row) => ({ ...row, touchedAtS: START_S + 60 })));
  expect([ownerOf(bindings, 'resp_1'), ownerOf(bindings, 'thread', 'session')]).toEqual([undefined, undefined]);
  // A session belongs to whoever answers in it next.
  await bindings.bind([bound('thread', 'acct_b', 'session')]);
  expect([ownerOf(bindings, 'thread', 'session'), written.at(-1)]).toMatchObject(['acct_b', { epoch: 2 }]);
});

test('what has expired here and was bound anew elsewhere is taken as it is there', async () => {
  const { bindings, written, clock } = open();
  await bindings.bind([bound('thread', 'acct_a', 'session')]);
  await bindings.bind([bound('thread', 'acct_b', 'session')]);
  clock.nowS += BINDING_KINDS.session.lastsS + 1;
  bindings.take([{ ...written[0]!, owner: 'acct_c', epoch: 0, boundAtS: clock.nowS, touchedAtS: clock.nowS, stateAtS: clock.nowS }]);
  expect(ownerOf(bindings, 'thread', 'session')).toBe('acct_c');
});
