import { expect, test } from 'vitest';
import { NO_CLAIMS } from '../bindings/claims.ts';
import type { Claims } from '../bindings/claims.ts';
import type { Account } from '../choice/account.ts';
import { makeTable } from '../choice/pool.ts';
import { mayMove } from './may-move.ts';
import type { Owner } from './owner.ts';

const { pool } = makeTable(1, []);
const moving = { ...pool, movesExhausted: true };
const owner = (strength: Owner['strength']): Owner => ({ account: {} as Account, strength });
const sealed: Claims = { ...NO_CLAIMS, encrypted: 'x', session: 's', cacheKey: 'k' };

test('only what is firmly preferred moves, and only where its pool says so', () => {
  expect((['hard', 'firm', 'soft'] as const).map((strength) => mayMove(owner(strength), moving, sealed))).toEqual([false, true, false]);
  expect(mayMove(owner('firm'), pool, sealed)).toBe(false);
  expect(mayMove(owner('firm'), moving, null)).toBe(false);
});

test.each<Partial<Claims>>([{ previousResponse: 'r' }, { turnState: 't' }, { calls: ['c'] }, { conversation: 'c' }, { files: ['f'] }])(
  'what goes on from %j stays',
  (claim) => expect(mayMove(owner('firm'), moving, { ...sealed, ...claim })).toBe(false),
);
