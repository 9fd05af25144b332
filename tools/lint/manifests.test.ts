import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** What a shelf's manifests may never name. Closes what the linter cannot see: a dynamic import of a declared dependency. */
const FORBIDDEN: Readonly<Record<string, RegExp>> = {
  packages: /^@switchyard\/(service|app)-/,
  services: /^@switchyard\/(service|app)-/,
};
const FOUNDATION = ['@switchyard/contracts', '@switchyard/observability'];

interface Manifest {
  readonly name: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

/** The dependencies of one manifest that its shelf may not have. */
function breaches(shelf: string, manifest: Manifest): string[] {
  const forbidden = FOUNDATION.includes(manifest.name) ? /^@switchyard\// : FORBIDDEN[shelf];
  const named = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies });
  return forbidden === undefined ? [] : named.filter((name) => forbidden.test(name));
}

test('no manifest names a member above or beside its shelf', () => {
  const found = Object.keys(FORBIDDEN).flatMap((shelf) =>
    readdirSync(`${root}${shelf}`).flatMap((member) => {
      const manifest = JSON.parse(readFileSync(`${root}${shelf}/${member}/package.json`, 'utf8')) as Manifest;
      return breaches(shelf, manifest).map((name) => `${shelf}/${member}/package.json names ${name}`);
    }),
  );
  expect(found).toEqual([]);
});

test('a manifest that breaks the rule is named', () => {
  expect(breaches('packages', { name: '@switchyard/bus', dependencies: { '@switchyard/service-gateway': '0.1.0' } })).toEqual(['@switchyard/service-gateway']);
  expect(breaches('services', { name: '@switchyard/service-audit', devDependencies: { '@switchyard/app-server': '0.1.0' } })).toEqual([
    '@switchyard/app-server',
  ]);
  expect(breaches('packages', { name: '@switchyard/contracts', dependencies: { '@switchyard/config': '0.1.0' } })).toEqual(['@switchyard/config']);
});
