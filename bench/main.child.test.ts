import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { readProcessTable, treeOf } from './machine/process-table.ts';
import type { ResultDocument } from './report/document.ts';

const folder = mkdtempSync(join(tmpdir(), 'switchyard-bench-main-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function bench(...args: string[]) {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), ...args, '--results', folder], { stdio: ['ignore', 'pipe', 'pipe'] });
  const said = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (piece: string) => (said.out += piece));
  child.stderr.setEncoding('utf8').on('data', (piece: string) => (said.err += piece));
  const code = new Promise<number | null>((resolve) => child.once('close', resolve));
  return { child, said, code };
}

test('a run writes the raw readings and the table that it prints', { timeout: 60_000 }, async () => {
  const { said, code } = bench('--quick', '--rounds', '1', '--only', 'unary', '--subjects', 'bare-node');
  expect({ code: await code, err: said.err }).toMatchObject({ code: 0 });
  const [json, markdown] = readdirSync(folder).toSorted();
  const document = JSON.parse(readFileSync(join(folder, json as string), 'utf8')) as ResultDocument;
  expect(document.readings.map(({ measure, subject, round }) => [measure, subject, round])).toEqual([
    ['unary', 'direct', 1],
    ['unary', 'bare-node', 1],
  ]);
  expect(document.faults).toEqual([]);
  expect(Object.keys(document.versions)).toEqual(['bare-node']);
  expect(readFileSync(join(folder, markdown as string), 'utf8')).toBe(said.out);
  expect(said.out).toContain('| unary CPU (µs) |');
  expect(said.err).toMatch(/^\[ +\d+ s\] round 1: unary through bare-node$/m);
});

test('a run that is stopped ends everything it started', { timeout: 60_000 }, async () => {
  const { child, said, code } = bench('--quick', '--only', 'unary', '--subjects', 'bare-node');
  await expect.poll(() => said.err, { timeout: 30_000 }).toContain('round 0: unary through bare-node');
  const children = treeOf(child.pid as number, readProcessTable()).map(({ pid }) => pid);
  expect(children.length).toBeGreaterThanOrEqual(4);
  child.kill('SIGTERM');
  expect(await code).toBe(130);
  const left = readProcessTable().filter(({ pid }) => children.includes(pid));
  expect(left).toEqual([]);
});

test('an argument that is not understood costs nothing', async () => {
  const { said, code } = bench('--fast');
  expect(await code).toBe(2);
  expect(said.err).toContain('Unknown argument "--fast"');
});
