import { connect } from 'node:net';

import pg from 'pg';
import { expect, test } from 'vitest';

import { describeTarget, isConnectionLoss } from './connection.ts';

test.for([
  ['a server that is shutting down', Object.assign(new Error('terminating connection'), { code: '57P01' }), true],
  ['a broken protocol', Object.assign(new Error('protocol violation'), { code: '08P01' }), true],
  ['no connection to spare', Object.assign(new Error('too many clients already'), { code: '53300' }), true],
  ['a refused connection', Object.assign(new Error('connect'), { code: 'ECONNREFUSED', syscall: 'connect' }), true],
  ['the driver losing its connection', new Error('Connection terminated unexpectedly'), true],
  ['a pool that is closed', new Error('Cannot use a pool after calling end on the pool'), true],
  ['a statement that took too long', Object.assign(new Error('canceling statement'), { code: '57014' }), false],
  ['a row that is there already', Object.assign(new Error('duplicate key'), { code: '23505' }), false],
  ['a missing file', Object.assign(new Error('open'), { code: 'ENOENT', syscall: 'open' }), false],
  ['a mistake of ours', new TypeError('x is not a function'), false],
  ['no error at all', undefined, false],
] as const)('%s is judged', ([, error, loss]) => {
  expect(isConnectionLoss(error)).toBe(loss);
});

test('what the driver and the system say of a socket that is not there is a loss', async () => {
  const client = new pg.Client({ host: '/nowhere/at/all', connectionTimeoutMillis: 1_000 });
  const error = await client.connect().catch((reason: unknown) => reason);
  expect(isConnectionLoss(error)).toBe(true);
  const refused = await new Promise((resolve) => connect('/nowhere/at/all').once('error', resolve));
  expect(isConnectionLoss(refused)).toBe(true);
});

test('a place is described without the password of its address', () => {
  expect(describeTarget({ url: 'postgres://me:sk-test-not-a-secret@db.example:6543/main?sslmode=require' })).toBe('main at db.example:6543 (DATABASE_URL)');
  expect(describeTarget({ url: 'postgres:///main?host=/run/pg&password=sk-test-not-a-secret' })).toBe('main at the local socket (DATABASE_URL)');
  expect(describeTarget({ url: 'not an address: sk-test-not-a-secret' })).toBe('DATABASE_URL');
  expect(describeTarget({ host: '/run/pg', port: 5432, user: 'me', database: 'main' })).toBe('main at /run/pg');
});
