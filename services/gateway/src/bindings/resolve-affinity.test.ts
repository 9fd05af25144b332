import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Lane } from '../routes.ts';
import { Bindings } from './bindings.ts';
import type { BindingRow } from './bindings.ts';
import type { Claims } from './claims.ts';
import { digestOf } from './digest.ts';
import { BINDING_KINDS, KINDS } from './kinds.ts';
import type { BindingKind, KindLimits } from './kinds.ts';
import { NOBODY } from './merge.ts';
import { resolveAffinity as resolve } from './resolve-affinity.ts';

const NO_CLAIMS: Claims = { turnState: null, previousResponse: null, session: null, calls: null, encrypted: null, cacheKey: null };
/** Every claim at once. */
const ALL: Claims = { turnState: 'turn', previousResponse: 'resp', session: 'thread', calls: ['call_1', 'call_2'], encrypted: 'sealed', cacheKey: 'cache' };

/** Thousands of tables are made here. */
const SMALL: KindLimits = { response: 16, turn_state: 16, session: 16, call: 16, encrypted: 16, cache: 16 };

const resolveAffinity = (claims: Claims, lane: Lane, namespace: string, bindings: Bindings) => resolve(claims, lane, namespace, bindings, []);

function open(): Bindings {
  return new Bindings({ store: { isAvailable: true, write() {}, read: async () => [], committed: async () => {} }, limits: SMALL, nowS: () => 1_000 });
}

/** Binds an id to an account that is named after its kind. */
function bind(bindings: Bindings, kind: BindingKind, id: string, { owner = `acct_${kind}`, namespace = 'key_1', session = null as string | null } = {}): void {
  void bindings.bind([{ kind, digest: digestOf(kind, namespace, session, id), owner, namespace }]);
}

function bindAll(bindings: Bindings, kinds: readonly BindingKind[]): void {
  const ids: Record<BindingKind, string> = { turn_state: 'turn', response: 'resp', call: 'call_2', encrypted: 'sealed', session: 'thread', cache: 'cache' };
  for (const kind of kinds) bind(bindings, kind, ids[kind], { session: kind === 'call' ? 'thread' : null });
}

/** The order of product section 4, written out. */
const ORDER: readonly BindingKind[] = ['turn_state', 'response', 'call', 'encrypted', 'session', 'cache'];

test('of every set of bound claims the first in order decides, as strictly as it should', () => {
  for (let bits = 0; bits < 2 ** ORDER.length; bits++) {
    const bound = ORDER.filter((_, i) => (bits & (1 << i)) !== 0);
    const bindings = open();
    bindAll(bindings, bound);
    for (const lane of ['responses', 'compact'] as const) {
      for (const claims of [ALL, { ...ALL, encrypted: null }]) {
        const [kind, next] = bound.filter((each) => each !== 'encrypted' || claims.encrypted !== null);
        const found = resolveAffinity(claims, lane, 'key_1', bindings);
        if (kind === undefined) {
          expect(found).toBeNull();
          continue;
        }
        const session = lane === 'compact' ? 'hard' : claims.encrypted === null ? 'soft' : 'firm';
        const strength = kind === 'encrypted' ? 'firm' : kind === 'session' ? session : kind === 'cache' ? 'soft' : 'hard';
        const heeded = next !== undefined && next !== 'cache' && (next !== 'session' || session !== 'soft');
        expect(found).toMatchObject({ kind, strength, accountId: `acct_${kind}`, disagrees: heeded && strength !== 'soft' });
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
    encrypted: fc.option(id),
    cacheKey: fc.option(id),
  });
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.constantFrom(...KINDS), id, fc.option(id)), { maxLength: 12 }), claims, (bound, claimed) => {
      const bindings = open();
      for (const [kind, name, session] of bound) bind(bindings, kind, name, { owner: 'acct_1', namespace: 'key_1', session: kind === 'call' ? session : null });
      for (const lane of ['responses', 'compact', 'standard'] as const) {
        const found = resolveAffinity(claimed, lane, 'key_2', bindings);
        const isForeign = bound.some(([kind, name]) => kind === 'response' && name === claimed.previousResponse);
        expect(found).toBe(isForeign ? 'foreign' : null);
      }
    }),
    { numRuns: 2_000 },
  );
});

test('a response of another key is refused even behind a turn state of one’s own', () => {
  const bindings = open();
  bind(bindings, 'turn_state', 'turn');
  bind(bindings, 'response', 'resp', { namespace: 'key_2' });
  expect(resolveAffinity({ ...NO_CLAIMS, turnState: 'turn', previousResponse: 'resp' }, 'responses', 'key_1', bindings)).toBe('foreign');
});

test('a conflict over a response has nobody for an owner, and one over a session is no preference', () => {
  const bindings = open();
  const at = (kind: BindingKind, id: string): BindingRow => ({
    digest: digestOf(kind, 'key_1', null, id).toString('base64'),
    kind: BINDING_KINDS[kind].code,
    owner: NOBODY,
    namespace: 'key_1',
    epoch: 0,
    boundAtS: 1_000,
    touchedAtS: 1_000,
    state: 0,
    stateAtS: 1_000,
    misses: 0,
  });
  bindings.take([at('response', 'resp'), at('session', 'thread')]);
  expect(resolveAffinity({ ...NO_CLAIMS, previousResponse: 'resp' }, 'responses', 'key_1', bindings)).toMatchObject({ strength: 'hard', accountId: null });
  expect(resolveAffinity({ ...NO_CLAIMS, session: 'thread' }, 'compact', 'key_1', bindings)).toBeNull();
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
    digestOf('response', '', null, 'resp'),
    digestOf('call', 'key_1', 'thread', 'call_1'),
    digestOf('call', 'key_1', 'thread', 'call_2'),
    digestOf('encrypted', 'key_1', null, 'sealed'),
    digestOf('session', 'key_1', null, 'thread'),
  ]);
});
