import { expect, test } from 'vitest';
import { isForHost, missingPackages } from './missing-packages.mjs';

const host = { os: 'linux', cpu: 'x64', libc: () => 'glibc' };
const pg = { version: '8.0.0', integrity: 'sha512-pg' };
const vitest = { version: '5.0.0', integrity: 'sha512-vitest', dev: true };

test('a tree without a record lacks everything that its platform needs', () => {
  const locked = { '': {}, 'node_modules/pg': pg, 'node_modules/vitest': vitest };
  expect(missingPackages(locked, {}, host)).toEqual({ runtime: ['node_modules/pg'], development: ['node_modules/vitest'] });
});

test('a tree that npm recorded as the lockfile says lacks nothing', () => {
  const locked = { '': {}, 'node_modules/pg': pg, 'node_modules/vitest': vitest };
  expect(missingPackages(locked, locked, host)).toEqual({ runtime: [], development: [] });
});

test('another version, or the same version with other content, counts as missing', () => {
  const locked = { 'node_modules/pg': pg };
  expect(missingPackages(locked, { 'node_modules/pg': { ...pg, version: '7.0.0' } }, host).runtime).toEqual(['node_modules/pg']);
  expect(missingPackages(locked, { 'node_modules/pg': { ...pg, integrity: 'sha512-other' } }, host).runtime).toEqual(['node_modules/pg']);
});

test('a workspace that is not linked, or linked elsewhere, counts as missing', () => {
  const locked = { 'packages/config': { version: '0.1.0' }, 'node_modules/@switchyard/config': { resolved: 'packages/config', link: true } };
  expect(missingPackages(locked, {}, host).runtime).toEqual(['node_modules/@switchyard/config']);
  expect(missingPackages(locked, { 'node_modules/@switchyard/config': { resolved: 'packages/other', link: true } }, host).runtime).toHaveLength(1);
  expect(missingPackages(locked, { 'node_modules/@switchyard/config': { resolved: 'packages/config', link: true } }, host).runtime).toEqual([]);
});

test('an optional package is demanded only where it names this platform', () => {
  const optional = (entry) => missingPackages({ 'node_modules/a': { version: '1.0.0', optional: true, ...entry } }, {}, host).runtime.length === 1;
  expect(optional({ os: ['linux'], cpu: ['x64'] })).toBe(true);
  expect(optional({ os: ['linux'], cpu: ['x64'], libc: ['glibc'] })).toBe(true);
  expect(optional({ os: ['linux'], cpu: ['x64'], libc: ['musl'] })).toBe(false);
  expect(optional({ os: ['darwin'], cpu: ['x64'] })).toBe(false);
  expect(optional({ cpu: ['wasm32'] })).toBe(false);
  expect(optional({})).toBe(false);
});

test('a platform may be given as one word', () => {
  expect(isForHost({ os: 'linux', cpu: 'x64' }, host)).toBe(true);
  expect(isForHost({ os: 'linux', cpu: 'arm64' }, host)).toBe(false);
});
