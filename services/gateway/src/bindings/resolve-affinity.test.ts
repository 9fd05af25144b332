import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Lane } from '../routes.ts';
import { Bindings } from './bindings.ts';
import { NO_CLAIMS } from './claims.ts';
import type { Claims } from './claims.ts';
import { digestOf } from './digest.ts';
import { BINDING_KINDS, KINDS } from './kinds.ts';
import type { BindingKind, KindLimits } from './kinds.ts';
import { NOBODY } from './merge.ts';
import { resolveAffinity as resolve } from './resolve-affinity.ts';

/** Every claim at once. */
const ALL: Claims = {
  turnState: 'turn',
  previousResponse: 'resp',
  session: 'thread',
  calls: ['call_1', 'call_2'],
  conversation: 'conv',
  files: ['file_1', 'file_2'],
  encrypted: 'sealed',
  cacheKey: 'cache',
  isFollowUp: true,
  isCompact: false,
};

/** Thousands of tables are made here. */
const SMALL = Object.fromEntries(KINDS.map((kind) => [kind, 16])) as KindLimits;

const resolveAffinity = (claims: Claims, lane: Lane, namespace: string, bindings: Bindings) => resolve(claims, lane, namespace, bindings, []);

function open(): Bindings {
  return new Bindings({
    store: { isAvailable: true, write() {}, read: async () => [], committed: async () => {} },
    limits: SMALL,
    nowS: () => 1_000,
    agedS: () => 1_000,
    maxWaitMs: 50,
  });
}

/** Binds an id to an account that is named after its kind. */
function bind(bindings: Bindings, kind: BindingKind, id: string, { owner = `acct_${kind}`, namespace = 'key_1', session = null as string | null } = {}): void {
  void bindings.bind([{ kind, digest: digestOf(kind, namespace, session, id), owner, namespace }]);
}

function bindAll(bindings: Bindings, kinds: readonly BindingKind[]): void {
  const ids: Record<BindingKind, string> = {
    lineage_turn: 'turn',
    lineage_session: 'thread',
    turn_state: 'turn',
    response: 'resp',
    call: 'call_2',
    conversation: 'conv',
    file: 'file_2',
    encrypted: 'sealed',
    session: 'thread',
    cache: 'cache',
  };
  for (const kind of kinds) bind(bindings, kind, ids[kind], { session: kind === 'call' ? 'thread' : null });
}

/** The order of product section 4, with what was not placed there, written out. */
const ORDER: readonly BindingKind[] = [
  'lineage_turn',
  'lineage_session',
  'turn_state',
  'response',
  'call',
  'conversation',
  'file',
  'encrypted',
  'session',
  'cache',
];
const HARD: readonly BindingKind[] = ['lineage_turn', 'lineage_session', 'turn_state', 'response', 'call', 'conversation', 'file'];

test('of every set of bound claims the first in order decides, as strictly as it should', () => {
  // What is sealed is let go only where nothing else in the request holds on to its account.
  const loose: Claims = { ...ALL, turnState: null, previousResponse: null, calls: null };
  for (let bits = 0; bits < 2 ** ORDER.length; bits++) {
    const bound = ORDER.filter((_, i) => (bits & (1 << i)) !== 0);
    const bindings = open();
    bindAll(bindings, bound);
    for (const lane of ['responses', 'compact'] as const) {
      for (const claims of [ALL, { ...ALL, encrypted: null }, loose, { ...loose, encrypted: null, isFollowUp: false }]) {
        const claimed: Record<BindingKind, boolean> = {
          lineage_turn: claims.turnState !== null,
          lineage_session: claims.isFollowUp || lane === 'compact',
          turn_state: claims.turnState !== null,
          response: claims.previousResponse !== null,
          call: claims.calls !== null,
          conversation: true,
          file: true,
          encrypted: claims.encrypted !== null,
          session: true,
          cache: true,
        };
        const [kind, ...rest] = bound.filter((each) => claimed[each]);
        const found = resolveAffinity(claims, lane, 'key_1', bindings);
        if (kind === undefined) {
          expect(found).toBeNull();
          continue;
        }
        const sealed = claims.calls === null ? 'firm' : 'hard';
        const session = lane === 'compact' ? 'hard' : claims.encrypted === null ? 'soft' : sealed;
        const strength = HARD.includes(kind) ? 'hard' : kind === 'encrypted' ? sealed : kind === 'session' ? session : 'soft';
        const heeded = rest.filter((each) => each !== 'cache' && (each !== 'session' || session !== 'soft'));
        expect(found).toMatchObject({ kind, strength, accountId: `acct_${kind}`, disagrees: heeded.length > 0 && strength !== 'soft' });
      }
    }
  }
});

test('what one key has bound leads no other key anywhere, whatever ids it sends', () => {
  const id = fc.constantFrom('a', 'b', 'c');
  const claims = fc.record({
    turnState: fc.option(id),
    previousResponse: fc.option(id),
    session: fc.option(id),
    calls: fc.option(fc.array(id, { minLength: 1, maxLength: 3 })),
    conversation: fc.option(id),
    files: fc.option(fc.array(id, { minLength: 1, maxLength: 3 })),
    encrypted: fc.option(id),
    cacheKey: fc.option(id),
    isFollowUp: fc.boolean(),
    isCompact: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.constantFrom(...KINDS), id, fc.option(id)), { maxLength: 12 }), claims, (bound, claimed) => {
      const bindings = open();
      for (const [kind, name, session] of bound) bind(bindings, kind, name, { owner: 'acct_1', namespace: 'key_1', session: kind === 'call' ? session : null });
      for (const lane of ['responses', 'compact', 'standard'] as const) {
        const found = resolveAffinity(claimed, lane, 'key_2', bindings);
        // Ids that an upstream makes are known to be another's; of the rest nothing is known at all.
        const foreign = (['response', 'conversation', 'file'] as const).find((kind) =>
          bound.some(([each, name]) => each === kind && names(claimed, kind).includes(name)),
        );
        expect(found).toEqual(foreign === undefined ? null : { foreign });
      }
    }),
    { numRuns: 2_000 },
  );
});

function names({ previousResponse, conversation, files }: Claims, kind: 'response' | 'conversation' | 'file'): readonly (string | null)[] {
  return kind === 'response' ? [previousResponse] : kind === 'conversation' ? [conversation] : (files ?? []);
}

test('a response of another key is refused even behind a turn state of one’s own', () => {
  const bindings = open();
  bind(bindings, 'turn_state', 'turn');
  bind(bindings, 'response', 'resp', { namespace: 'key_2' });
  expect(resolveAffinity({ ...NO_CLAIMS, turnState: 'turn', previousResponse: 'resp' }, 'responses', 'key_1', bindings)).toEqual({ foreign: 'response' });
});

test('a conflict has nobody for an owner wherever one is needed, and is no preference', () => {
  const bindings = open();
  const dispute = (kind: BindingKind, id: string, session: string | null = null): void =>
    bindings.take([
      {
        digest: digestOf(kind, 'key_1', session, id).toString('base64'),
        kind: BINDING_KINDS[kind].code,
        owner: NOBODY,
        namespace: 'key_1',
        epoch: 0,
        boundAtS: 1_000,
        touchedAtS: 1_000,
        state: 0,
        stateAtS: 1_000,
        misses: 0,
      },
    ]);
  const found = (claims: Partial<Claims>, lane: Lane = 'responses') => resolveAffinity({ ...NO_CLAIMS, ...claims }, lane, 'key_1', bindings);
  dispute('session', 'thread');
  expect(found({ session: 'thread' })).toBeNull();
  expect(found({ session: 'thread' }, 'compact')).toMatchObject({ kind: 'session', strength: 'hard', accountId: null });
  expect(found({ session: 'thread', isCompact: true })).toMatchObject({ kind: 'session', strength: 'hard', accountId: null });
  expect(found({ session: 'thread', encrypted: 'sealed' })).toMatchObject({ kind: 'session', strength: 'firm', accountId: null });
  // Whoever is known to own it more exactly is its owner still, and nothing leads to another.
  bind(bindings, 'encrypted', 'sealed');
  expect(found({ session: 'thread', encrypted: 'sealed' })).toMatchObject({ kind: 'encrypted', accountId: 'acct_encrypted', disagrees: false });
  dispute('lineage_session', 'thread');
  expect(found({ session: 'thread', isFollowUp: true })).toMatchObject({ kind: 'lineage_session', strength: 'hard', accountId: null });
  dispute('call', 'call_1', 'other');
  expect(found({ session: 'other', calls: ['call_1'] })).toMatchObject({ kind: 'call', strength: 'hard', accountId: null });
  dispute('response', 'resp');
  expect(found({ previousResponse: 'resp' })).toMatchObject({ kind: 'response', strength: 'hard', accountId: null });
  dispute('cache', 'cache');
  expect(found({ cacheKey: 'cache' })).toBeNull();
});

test('what is sealed elsewhere is an encrypted item of another account than the owner, whatever else leads elsewhere', () => {
  const bindings = open();
  const claims = { ...NO_CLAIMS, previousResponse: 'resp', session: 'thread', calls: ['call_1'], encrypted: 'sealed' };
  const found = () => resolveAffinity(claims, 'responses', 'key_1', bindings);
  bind(bindings, 'response', 'resp', { owner: 'acct_a' });
  bind(bindings, 'session', 'thread', { owner: 'acct_b' });
  bind(bindings, 'call', 'call_1', { owner: 'acct_b', session: 'thread' });
  expect(found()).toMatchObject({ kind: 'response', accountId: 'acct_a', disagrees: true, isSealedElsewhere: false });
  bind(bindings, 'encrypted', 'sealed', { owner: 'acct_c' });
  expect(found()).toMatchObject({ kind: 'response', accountId: 'acct_a', disagrees: true, isSealedElsewhere: true });
});

test('the same call id in two sessions is two calls', () => {
  const bindings = open();
  bind(bindings, 'call', 'call_1', { owner: 'acct_a', session: 'one' });
  bind(bindings, 'call', 'call_1', { owner: 'acct_b', session: 'two' });
  for (const [session, accountId] of [
    ['one', 'acct_a'],
    ['two', 'acct_b'],
  ] as const)
    // prettier-ignore
    expect(resolveAffinity({ ...NO_CLAIMS, session, calls: ['call_1'] }, 'responses', 'key_1', bindings)).toMatchObject({ accountId });
});

test('what is claimed strictly and not bound here is worth a question; a preference is not', () => {
  const unbound: Buffer[] = [];
  const bindings = open();
  bind(bindings, 'turn_state', 'turn');
  resolve(ALL, 'responses', 'key_1', bindings, unbound);
  expect(unbound).toEqual([
    digestOf('lineage_turn', 'key_1', null, 'turn'),
    digestOf('lineage_session', 'key_1', null, 'thread'),
    digestOf('response', '', null, 'resp'),
    digestOf('call', 'key_1', 'thread', 'call_1'),
    digestOf('call', 'key_1', 'thread', 'call_2'),
    digestOf('conversation', '', null, 'conv'),
    digestOf('file', '', null, 'file_1'),
    digestOf('file', '', null, 'file_2'),
    digestOf('encrypted', 'key_1', null, 'sealed'),
    digestOf('session', 'key_1', null, 'thread'),
  ]);
});

test('what was given up is told as such when nothing else is bound, and looked for nowhere', () => {
  let nowS = 1_000;
  const bindings = new Bindings({
    store: { isAvailable: true, write() {}, read: async () => [], committed: async () => {} },
    limits: SMALL,
    nowS: () => nowS,
    agedS: () => nowS,
    maxWaitMs: 50,
  });
  bind(bindings, 'response', 'resp', { owner: 'acct_a' });
  for (let i = 0; i < 2; i++) {
    nowS += 2;
    bindings.deny('response', digestOf('response', 'key_1', null, 'resp'), 'acct_a', 'responses');
  }
  const claims = { ...NO_CLAIMS, previousResponse: 'resp', session: 'thread' };
  const unbound: Buffer[] = [];
  expect(resolve(claims, 'responses', 'key_1', bindings, unbound)).toMatchObject({ kind: 'response', strength: 'none', accountId: null });
  expect(unbound).toEqual([]);
  bind(bindings, 'session', 'thread', { owner: 'acct_b' });
  expect(resolve(claims, 'responses', 'key_1', bindings, [])).toMatchObject({ kind: 'session', strength: 'soft', accountId: 'acct_b' });
});
