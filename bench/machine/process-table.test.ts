import { expect, test } from 'vitest';
import { cpuNs, machineBusyNs, parseSmaps, parseStat, readProcessTable, residentBytes, treeOf } from './process-table.ts';

const row = (pid: number, parent: number, name = 'node') => ({ pid, parent, name, reapedNs: 0, tickedNs: 0 });

test('a line of the process table is read though the name holds spaces and brackets', () => {
  const fields = ['S', '41', ...Array.from({ length: 9 }, () => '0'), '150', '50', '7', '3', '20'];
  expect(parseStat(`42 (a (b) c) ${fields.join(' ')}\n`)).toEqual({
    pid: 42,
    name: 'a (b) c',
    parent: 41,
    tickedNs: 2_000_000_000,
    reapedNs: 100_000_000,
  });
});

test('a tree is the process with all its descendants and nobody else', () => {
  const table = [row(1, 0), row(10, 1), row(11, 10), row(12, 11), row(20, 1), row(13, 10)];
  expect(treeOf(10, table).map(({ pid }) => pid)).toEqual([10, 11, 13, 12]);
  expect(treeOf(99, table)).toEqual([]);
});

test('memory figures are read in bytes', () => {
  const text = '00400000-7ffd ---p 00000000 00:00 0  [rollup]\nRss:               56080 kB\nPss:               54700 kB\nPss_Dirty:         11208 kB\n';
  expect(parseSmaps(text, 'Rss')).toBe(56_080 * 1024);
  expect(parseSmaps(text, 'Pss')).toBe(54_700 * 1024);
  expect(parseSmaps('', 'Pss')).toBe(0);
});

test('the busy time of the machine leaves idling and waiting for disks out', () => {
  expect(machineBusyNs('cpu  10 2 20 1000 50 3 5 99 0 0\ncpu0 1 2 3 4\n')).toBe(40 * 10_000_000);
});

test('this process is in the table, has used CPU and has memory', () => {
  expect(readProcessTable().some(({ pid }) => pid === process.pid)).toBe(true);
  expect(cpuNs([process.pid]).own).toBeGreaterThan(1_000_000);
  expect(residentBytes([process.pid]).own).toBeGreaterThan(10 * 1024 * 1024);
});

test('more work costs more CPU', () => {
  const before = cpuNs([process.pid]).own;
  for (const end = performance.now() + 50; performance.now() < end;);
  expect(cpuNs([process.pid]).own).toBeGreaterThan(before);
});
