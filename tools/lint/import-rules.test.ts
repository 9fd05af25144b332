import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** One planted breach: the file it lies in, what it holds, and the rule that must refuse it. */
interface Breach {
  readonly named: string;
  readonly file: string;
  readonly source: string;
  readonly rule: string;
  readonly says?: RegExp;
}

const restricted = 'eslint(no-restricted-imports)';
const frontDoor = /front door/;

const BREACHES: readonly Breach[] = [
  {
    named: 'a package imports a service',
    file: 'packages/bus/src/a.ts',
    source: `import '@switchyard/service-gateway';`,
    rule: restricted,
    says: /point down/,
  },
  { named: 'a package imports an app', file: 'packages/bus/src/b.ts', source: `import '@switchyard/app-server';`, rule: restricted, says: /point down/ },
  { named: 'a package hands on a service', file: 'packages/bus/src/c.ts', source: `export * from '@switchyard/service-gateway';`, rule: restricted },
  {
    named: 'a service imports a service',
    file: 'services/audit/src/a.ts',
    source: `import '@switchyard/service-gateway';`,
    rule: restricted,
    says: /point down/,
  },
  { named: 'a service imports an app', file: 'services/audit/src/b.ts', source: `import '@switchyard/app-cli';`, rule: restricted, says: /point down/ },
  {
    named: 'contracts imports another package',
    file: 'packages/contracts/src/a.ts',
    source: `import '@switchyard/config';`,
    rule: restricted,
    says: /foundation/,
  },
  {
    named: 'observability imports contracts',
    file: 'packages/observability/src/a.ts',
    source: `import type { Fault } from '@switchyard/contracts';\nexport type { Fault };`,
    rule: restricted,
    says: /foundation/,
  },
  {
    named: 'a package reaches round a front door',
    file: 'packages/bus/src/d.ts',
    source: `import '../../config/src/index.ts';`,
    rule: restricted,
    says: frontDoor,
  },
  {
    named: 'a foundation package reaches round a front door',
    file: 'packages/contracts/src/b.ts',
    source: `import '../../config/src/index.ts';`,
    rule: restricted,
    says: frontDoor,
  },
  {
    named: 'a service reaches round a front door',
    file: 'services/audit/src/store/a.ts',
    source: `import '../../../gateway/src/routes.ts';`,
    rule: restricted,
    says: frontDoor,
  },
  {
    named: 'an app reaches round a front door',
    file: 'apps/cli/src/a.ts',
    source: `import '../../../services/gateway/src/routes.ts';`,
    rule: restricted,
    says: frontDoor,
  },
  {
    named: 'an app names a path behind a front door',
    file: 'apps/cli/src/b.ts',
    source: `import '@switchyard/config/src/index.ts';`,
    rule: restricted,
    says: frontDoor,
  },
  { named: 'the bench reaches round a front door', file: 'bench/a.ts', source: `import '../packages/config/src/index.ts';`, rule: restricted, says: frontDoor },
  {
    named: 'two files import each other',
    file: 'packages/bus/src/e.ts',
    source: `import { f } from './f.ts';\nexport const e = (): number => f();`,
    rule: 'import(no-cycle)',
  },
  {
    named: 'a promise is left floating',
    file: 'services/audit/src/c.ts',
    source: `async function save(): Promise<void> {}\nexport function run(): void {\n  save();\n}`,
    rule: 'typescript(no-floating-promises)',
  },
  {
    named: 'a promise is taken for a condition',
    file: 'services/audit/src/d.ts',
    source: `async function held(): Promise<boolean> {\n  return false;\n}\nexport function run(): number {\n  if (held()) return 1;\n  return 0;\n}`,
    rule: 'typescript(no-misused-promises)',
  },
  {
    named: 'a value import is used as a type only',
    file: 'packages/bus/src/g.ts',
    source: `import { Server } from 'node:http';\nexport type Door = Server;`,
    rule: 'typescript(consistent-type-imports)',
  },
  { named: 'a default export', file: 'packages/bus/src/h.ts', source: `export default 1;`, rule: 'import(no-default-export)' },
  { named: 'a print beside the logger', file: 'services/audit/src/e.ts', source: `console.log('hello');\nexport {};`, rule: 'eslint(no-console)' },
  { named: 'an any', file: 'packages/bus/src/i.ts', source: `export const open = (value: any): unknown => value;`, rule: 'typescript(no-explicit-any)' },
  {
    named: 'a test without an expectation',
    file: 'packages/bus/src/j.test.ts',
    source: `import { test } from 'vitest';\ntest('passes whatever happens', () => {});`,
    rule: 'vitest(expect-expect)',
  },
  {
    named: 'a test that silences the others',
    file: 'packages/bus/src/k.test.ts',
    source: `import { expect, test } from 'vitest';\ntest.only('alone', () => {\n  expect(1).toBe(1);\n});`,
    rule: 'vitest(no-focused-tests)',
  },
];

/** What the rules must let through, so that a rule that refuses everything does not pass for a working one. */
const ALLOWED: Readonly<Record<string, string>> = {
  'packages/bus/src/f.ts': `import { e } from './e.ts';\nexport const f = (): number => e();`, // the other half of the cycle
  'packages/bus/src/l.ts': `import '@switchyard/contracts';\nimport './rooms/src-map.ts';`,
  'packages/bus/src/rooms/src-map.ts': `export const srcMap = 1;`,
  'services/audit/src/f.ts': `import '@switchyard/contracts';\nimport '@switchyard/database';`,
  'services/audit/migrations/check.ts': `import '../src/f.ts';`,
  'apps/cli/src/c.ts': `import '@switchyard/service-gateway';\nimport '@switchyard/app-server';`,
};

interface Diagnostic {
  readonly code: string;
  readonly filename: string;
  readonly message: string;
  readonly help?: string;
}

let planted = '';
let found: Diagnostic[] = [];

beforeAll(async () => {
  planted = await mkdtemp(join(tmpdir(), 'switchyard-lint-'));
  for (const name of ['.oxlintrc.json', 'tsconfig.json']) await copyFile(join(root, name), join(planted, name));
  await symlink(join(root, 'node_modules'), join(planted, 'node_modules'));
  const files = [...BREACHES.map(({ file, source }) => [file, source] as const), ...Object.entries(ALLOWED)];
  for (const [file, source] of files) {
    await mkdir(dirname(join(planted, file)), { recursive: true });
    await writeFile(join(planted, file), `${source}\n`);
  }
  found = await lint(planted);
});

afterAll(() => rm(planted, { recursive: true, force: true }));

test.for(BREACHES)('refused: $named', ({ file, rule, says }) => {
  const here = found.filter(({ filename }) => filename === file);
  expect(here.map(({ code }) => code)).toContain(rule);
  if (says) expect(here.map(({ message, help }) => `${message} ${help}`).join('\n')).toMatch(says);
});

test('files that keep the rules are let through', () => {
  const blamed = found.map(({ filename }) => filename).filter((file) => file in ALLOWED && file !== 'packages/bus/src/f.ts');
  expect(blamed).toEqual([]);
});

async function lint(directory: string): Promise<Diagnostic[]> {
  const oxlint = join(root, 'node_modules/oxlint/bin/oxlint');
  const stdout = await new Promise<string>((resolve) => {
    execFile(process.execPath, [oxlint, '--format=json'], { cwd: directory, maxBuffer: 16 << 20 }, (_error, out) => resolve(out));
  });
  return (JSON.parse(stdout) as { diagnostics: Diagnostic[] }).diagnostics;
}
