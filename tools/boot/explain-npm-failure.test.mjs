import { expect, test } from 'vitest';
import { explainNpmFailure } from './explain-npm-failure.mjs';

const where = { at: '/srv/switchyard', mb: 200 };

test.for([
  ['no disk space', 'npm error code ENOSPC\nnpm error nospc ENOSPC: no space left on device, write', /^The disk is full/, /Free about 200 MB/],
  ['a read-only clone', 'npm error code EROFS\nnpm error rofs EROFS: read-only file system, mkdir', /read-only file system/, /writable folder/],
  ['no right to write', 'npm error code EACCES\nnpm error syscall mkdir', /may not write to \/srv\/switchyard/, /chown/],
  [
    'offline with a cold cache',
    "npm error code ENOTCACHED\nnpm error request failed: cache mode is 'only-if-cached'",
    /registry cannot be reached/,
    /npm ping/,
  ],
  ['no such host', 'npm error code ENOTFOUND\nnpm error network request failed', /registry cannot be reached/, /npm ping/],
  ['a refused connection', 'npm error code ECONNREFUSED\nnpm error errno ECONNREFUSED', /registry cannot be reached/, /npm ping/],
  ['a registry that wants a token', 'npm error code E401\nnpm error Unable to authenticate', /refused us/, /npm whoami/],
  ['a registry that lacks a version', 'npm error code ETARGET\nnpm error notarget No matching version', /does not have a version/, /complete registry/],
  ['an altered package', 'npm error code EINTEGRITY\nnpm error sha512 integrity checksum failed', /not the one/, /do not go on/],
  ['a lockfile that is behind', 'npm error code EUSAGE\nnpm error\nnpm error `npm ci` can only install packages when', /do not belong together/, /npm install/],
  ['a foreign platform', 'npm error code EBADPLATFORM\nnpm error notsup Unsupported platform', /does not support this platform/, /README/],
  ['anything else', 'npm error code EWEIRD\nnpm error it broke', /could not install the packages of \/srv\/switchyard/, /it broke/],
])('%s gets its own sentence and remedy', ([, output, problem, remedy]) => {
  const refusal = explainNpmFailure(output, where);
  expect(refusal.problem).toMatch(problem);
  expect(refusal.remedy).toMatch(remedy);
});

test("the code of npm's summary wins over codes of attempts that were repeated", () => {
  const output = 'npm warn attempt 1 failed with ECONNRESET\nnpm error code ENOSPC\nnpm error nospc ENOSPC: no space left on device';
  expect(explainNpmFailure(output, where).problem).toMatch(/disk is full/);
});

test('credentials in what npm prints are not repeated', () => {
  const output = 'npm error code E401\nnpm error https://user:hunter2-not-a-secret@packages.invalid/x\nnpm error _authToken=npm_not-a-secret';
  expect(explainNpmFailure(output, where).message).not.toMatch(/not-a-secret/);
});

test('only the telling lines are quoted', () => {
  const output = [
    'npm error code EWEIRD',
    'npm error',
    ...Array.from({ length: 20 }, (_, n) => `npm error line ${n}`),
    'npm error A complete log of this run can be found in: x',
  ].join('\n');
  const quoted = explainNpmFailure(output, where)
    .message.split('\n')
    .filter((line) => line.startsWith('  | '));
  expect(quoted).toHaveLength(6);
  expect(quoted[0]).toBe('  | npm error code EWEIRD');
});
