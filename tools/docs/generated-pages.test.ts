import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Validator } from '@seriousme/openapi-schema-validator';
import { FAULTS } from '@switchyard/contracts';
import { GATEWAY_API } from '@switchyard/contracts/api';
import { GATEWAY_METRICS, SURFACES, openApiDocument } from '@switchyard/service-gateway';
import { expect, test } from 'vitest';
import { trackedFiles } from '../checks/tracked-files.ts';
import { generatedPages, stalePages } from './generated-pages.ts';
import { markdownTable } from './markdown-table.ts';
import { schemaText } from './schema-text.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (path: string): Promise<string> => readFile(`${root}${path}`, 'utf8');

/** The first cells of all tables of a page, without their quotes. */
function firstCells(page: string): string[] {
  return [...page.matchAll(/^\| `([^`]+)` \|/gm)].map(([, cell]) => cell!);
}

test('docs/errors.md names every fault, and nothing that is none', async () => {
  expect(firstCells(await read('docs/errors.md')).toSorted()).toEqual(Object.keys(FAULTS).toSorted());
});

test('every fault is raised somewhere in the code', async () => {
  const sources = (await trackedFiles(root)).filter(
    ({ path }) => /^(packages|services|apps)\/.*\/src\/.*\.ts$/.test(path) && !/faults\.ts$|\.test\.ts$/.test(path),
  );
  const code = sources.map(({ text }) => text).join('\n');
  expect(Object.keys(FAULTS).filter((fault) => !code.includes(`'${fault}'`))).toEqual([]);
});

test('docs/metrics.md names every metric, and nothing that is none', async () => {
  const [metrics = ''] = (await read('docs/metrics.md')).split('\n## Labels');
  expect(firstCells(metrics)).toEqual(Object.keys(GATEWAY_METRICS));
});

test('docs/api.md has every route of both sides, and no other', async () => {
  const rows = [...(await read('docs/api.md')).matchAll(/^\| (?:`([A-Z]+)`|any) \| `([^`]+)` \|/gm)].map(([, method = 'any', path]) => `${method} ${path}`);
  const ours = Object.values(GATEWAY_API).map(({ method, path }) => `${method.toUpperCase()} ${path}`);
  expect(rows.toSorted()).toEqual([...SURFACES.map(({ method, path }) => `${method} ${path}`), ...ours, 'GET /metrics'].toSorted());
});

interface Described {
  readonly paths: Record<string, Record<string, { operationId: string; security?: unknown }>>;
  readonly security: unknown;
}

test('docs/openapi.json has an operation of its own name for every route of our API, behind the admin token, and of the data plane, behind a key', async () => {
  const { paths, security } = JSON.parse(await read('docs/openapi.json')) as Described;
  const found = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => `${operation.operationId}: ${method} ${path} ${JSON.stringify(operation.security ?? security)}`),
  );
  const behind = { key: '[{"key":[]}]', key_unless_open: '[{"key":[]},{}]', none: '[]' };
  expect(found.toSorted()).toEqual(
    [
      ...Object.entries(GATEWAY_API).map(([name, { method, path }]) => `${name}: ${method} ${path} [{"adminToken":[]}]`),
      'metrics: get /metrics [{"adminToken":[]}]',
      ...SURFACES.filter(({ method }) => method !== 'any').map(({ name, method, path, auth }) => `${name}: ${method.toLowerCase()} ${path} ${behind[auth]}`),
    ].toSorted(),
  );
});

test.each([true, false])('the document is valid OpenAPI 3.1, with the data plane: %s', async (dataPlane) => {
  const validator = new Validator();
  const result = await validator.validate({ ...openApiDocument({ version: '1.2.3', dataPlane }) });
  expect([validator.version, result.valid, result.errors]).toEqual(['3.1', true, undefined]);
  expect((await validator.validate({ openapi: '3.1.0', info: { title: 'No version' }, paths: {} })).valid).toBe(false);
});

test('without the data plane the document has neither its routes nor its key', () => {
  const { paths, components } = openApiDocument({ version: '1.2.3', dataPlane: false });
  expect(Object.keys(paths!).filter((path) => !path.startsWith('/api/'))).toEqual(['/metrics']);
  expect(Object.keys(components!.securitySchemes!)).toEqual(['adminToken']);
});

test('a page that was edited by hand, and one that is missing, are told by name', () => {
  const pages = new Map(generatedPages().map(({ path, text }) => [path, text]));
  expect(stalePages((path) => pages.get(path)!)).toEqual([]);
  pages.set('docs/errors.md', `${pages.get('docs/errors.md')!} `);
  pages.delete('docs/openapi.json');
  expect(stalePages((path) => pages.get(path) ?? null)).toEqual(['docs/errors.md', 'docs/openapi.json']);
});

test('a table cell keeps to its cell', () => {
  expect(markdownTable(['a', 'b'], [['x | y', 'one\n  line']])).toBe('| a | b |\n| --- | --- |\n| x \\| y | one line |\n');
});

test.for([
  [{ type: 'array', items: { $ref: '#/components/schemas/Key' } }, 'Key[]'],
  [{ type: ['string', 'null'] }, 'string | null'],
  [{ type: ['array', 'null'], items: { type: 'string' } }, 'string[] | null'],
  [{ type: 'array', items: { enum: ['a', 'b'] } }, '("a" | "b")[]'],
  [{ type: 'object', properties: { a: { type: 'string' }, b: {} }, required: ['a'] }, '{ a: string, b?: unknown }'],
  [{ type: 'object', additionalProperties: { type: 'string' } }, '{ [name]: string }'],
  [{ allOf: [{ $ref: '#/x/Key' }, { type: 'object', properties: { key: { type: 'string' } }, required: ['key'] }] }, 'Key & { key: string }'],
] as const)('a schema reads like a type: %j', ([schema, text]) => {
  expect(schemaText(schema)).toBe(text);
});
